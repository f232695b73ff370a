"""What ``--notify`` and ``--ping`` name: a kind, an address, options in the fragment, secrets.

    https://…  http://…              JSON of our own by POST
    slack+https://…  mattermost+…  teams+…   incoming webhooks; known hosts need no prefix
    alertmanager+http://host:9093    POST /api/v2/alerts
    smtp://user@host:587/?to=…       mail, STARTTLS; smtps:// for TLS from the first byte
    file:///path, or a path          a line of JSON is appended
    apprise:URL                      whatever the package apprise knows

Options stand behind ``#``, which no server ever sees. A secret is named, never written:
``env:NAME`` or ``file:PATH``, for a whole target or for an option. No message, log, result or file
of this program holds one; a target is called by its kind and host.
"""

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from pipeline.errors import UsageError
from pipeline.notices import TargetKind

_REFERENCE = re.compile(r"(env|file):(?!//)(.+)", re.DOTALL)
_SCHEME = re.compile(r"([a-z][a-z0-9.+-]+):", re.IGNORECASE)
_MOST_SECRET_BYTES = 16_384
_KINDS_OF_PREFIX: dict[str, TargetKind] = {
    "slack": "slack",
    "mattermost": "mattermost",
    "teams": "teams",
    "alertmanager": "alertmanager",
    "json": "json",
}
# Hosts that take one kind of message only; workflows of Teams run on the others.
_KINDS_OF_HOST: dict[str, TargetKind] = {
    "hooks.slack.com": "slack",
    "hooks.slack-gov.com": "slack",
    "logic.azure.com": "teams",
    "api.powerplatform.com": "teams",
    "webhook.office.com": "teams",
}
_WEB = frozenset({"ca", "proxy", "bearer", "password"})
_OPTIONS: dict[TargetKind, frozenset[str]] = {
    "json": _WEB | {"hmac"},
    "slack": _WEB,
    "mattermost": _WEB,
    "teams": _WEB,
    "alertmanager": _WEB | {"hold"},
    "mail": frozenset({"ca", "password", "to", "from"}),
    "file": frozenset(),
    "apprise": frozenset(),
}
_SECRET_OPTIONS = frozenset({"bearer", "password", "hmac"})
_ADDRESS = re.compile(r"[^\s@<>,;:\"\\()\[\]]{1,64}@[A-Za-z0-9.-]{1,255}")
_SCHEMES = "https, http, slack+https, mattermost+https, teams+https, alertmanager+http, smtp, smtps"
_NAME_IT = "name it in the fragment: #password=env:NAME"
_HINT = "docs/notify.md shows each kind; a secret is named as env:NAME or file:PATH"


@dataclass(frozen=True, slots=True)
class Target:
    """One place to tell. *label* may be shown, *key* is its name in the memory; the others are not
    printed. *url*: what is called; *secrets*: what no text may hold.
    """

    kind: TargetKind
    label: str
    key: str
    url: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def parse_target(text: str, environment: Mapping[str, str], *, option: str = "--notify") -> Target:
    """Return the target that *text* names. Raises `UsageError` without any part of it that may be
    secret.
    """
    given = _resolved(text, environment, option)
    is_hidden = given != text
    if is_hidden and _REFERENCE.fullmatch(given):
        raise UsageError(f"{option}: what a reference names is a reference again", hint=_HINT)
    if any(not character.isprintable() for character in given) or not given.strip():
        raise UsageError(f"{option}: a target is empty or holds a control character", hint=_HINT)
    key = hashlib.sha256(f"aftershock {text}".encode()).hexdigest()[:16]
    if given.lower().startswith("apprise:"):
        return _apprise(given, key)
    if not _SCHEME.match(given) or given.lower().startswith("file:"):
        return _file(given, key, option)
    kind, parts = _kind_of(given, option)
    options = _options(parts, kind, environment, is_hidden=is_hidden, option=option)
    target = _mail if kind == "mail" else _web
    return target(kind, parts, options, key, is_hidden=is_hidden, option=option)


def parse_ping(text: str, environment: Mapping[str, str]) -> tuple[Target, Target | None]:
    """Return what to call after a run, and after one that failed: null where nothing is.

    The second is made by the option ``fail`` of the fragment: ``#fail=/fail`` is added to the path,
    ``#fail=?state=fail`` to the query.
    """
    given = _resolved(text, environment, "--ping")
    address, _, fragment = given.partition("#")
    options = dict(parse_qsl(fragment, keep_blank_values=True))
    suffix = options.pop("fail", None)
    rest = "&".join(part for part in fragment.split("&") if part and not part.startswith("fail="))
    rest = f"#{rest}" if rest else ""
    made = parse_target(address + rest, environment, option="--ping")
    if made.kind != "json":
        raise UsageError("--ping takes an http or https address", hint=_HINT)
    secrets = (*made.secrets, *_path_secrets(urlsplit(made.url)))
    made = Target("json", f"ping {made.label.partition(' ')[2]}", made.key, made.url,
                  made.options, secrets)  # fmt: skip
    if suffix is None:
        return made, None
    parts = urlsplit(made.url)
    if suffix.startswith("?"):
        query = "&".join(one for one in (parts.query, suffix[1:]) if one)
        failed = urlunsplit(parts._replace(query=query))
    else:
        failed = urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/" + suffix.lstrip("/")))
    return made, Target("json", made.label, made.key, failed, made.options, secrets)


def _resolved(text: str, environment: Mapping[str, str], option: str) -> str:
    """Return what a reference names; other text as it is."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return text
    where, name = match.groups()
    if where == "env":
        value = environment.get(name)
        if value is None:
            raise UsageError(f"{option} {text}: there is no such variable", hint=_HINT)
        return value.strip()
    try:
        with Path(name).open("rb") as file:
            data = file.read(_MOST_SECRET_BYTES + 1)
        if len(data) > _MOST_SECRET_BYTES:
            raise UsageError(f"{option} {text}: the file is too large for a secret", hint=_HINT)
        return data.decode().strip()
    except OSError as error:
        raise UsageError(f"{option} {text}: {error.strerror}", hint=_HINT) from error
    except UnicodeDecodeError:
        raise UsageError(f"{option} {text}: it is not UTF-8 text", hint=_HINT) from None


def _kind_of(given: str, option: str) -> tuple[TargetKind, SplitResult]:
    prefix, _, rest = given.partition("+")
    kind = _KINDS_OF_PREFIX.get(prefix.lower())
    try:
        parts = urlsplit(rest if kind else given)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise UsageError(f"{option}: a target is no address", hint=_HINT) from None
    scheme = parts.scheme.lower()
    if scheme in ("smtp", "smtps") and kind is None:
        kind = "mail"
    elif scheme not in ("http", "https"):
        raise UsageError(
            f"{option}: {scheme[:20]!r} is none of the schemes {_SCHEMES}, file, apprise",
            hint=_HINT,
        )
    if not given.isascii():
        raise UsageError(f"{option}: an address has letters that are not ASCII", hint=_HINT)
    if not host or port == 0:
        raise UsageError(f"{option}: a target names no host", hint=_HINT)
    if kind is None:
        kind = _kind_of_host(host)
    return kind, parts


def _kind_of_host(host: str) -> TargetKind:
    for end, kind in _KINDS_OF_HOST.items():
        if f".{host}".endswith(f".{end}"):
            return kind
    return "json"


def _options(
    parts: SplitResult,
    kind: TargetKind,
    environment: Mapping[str, str],
    *,
    is_hidden: bool,
    option: str,
) -> dict[str, str]:
    pairs = parse_qsl(parts.fragment, keep_blank_values=True)
    if kind == "mail":
        pairs += parse_qsl(parts.query, keep_blank_values=True)
    found = {}
    for name, value in pairs:
        if name not in _OPTIONS[kind]:
            known = ", ".join(sorted(_OPTIONS[kind]))
            raise UsageError(
                f"{option}: {kind} has no option {name[:30]!r}", hint=f"known: {known}"
            )
        if name in _SECRET_OPTIONS and not is_hidden and not _REFERENCE.fullmatch(value):
            raise UsageError(f"{option}: {name} is a secret, and is only named", hint=_HINT)
        found[name] = _resolved(value, environment, option)
        if any(not character.isprintable() for character in found[name]):
            raise UsageError(f"{option}: {name} holds a control character", hint=_HINT)
    return found


def _web(
    kind: TargetKind,
    parts: SplitResult,
    options: dict[str, str],
    key: str,
    *,
    is_hidden: bool,
    option: str,
) -> Target:
    if parts.password is not None and not is_hidden:
        raise UsageError(f"{option}: an address holds a password", hint=_NAME_IT)
    if parts.username is not None:
        options["user"] = unquote(parts.username)
        options.setdefault("password", unquote(parts.password or ""))
    host = parts.hostname or ""
    secrets = [options[name] for name in _SECRET_OPTIONS if options.get(name)]
    if parts.scheme == "http" and {"bearer", "password"} & set(options) and not _is_local(host):
        raise UsageError(
            f"{option}: {kind} {host}: a secret is not sent unencrypted", hint="use https"
        )
    path = parts.path
    if kind == "alertmanager" and not path.rstrip("/").endswith("/api/v2/alerts"):
        path = path.rstrip("/") + "/api/v2/alerts"
    if is_hidden or kind in ("slack", "mattermost", "teams"):
        secrets += _path_secrets(parts)
    netloc = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, netloc, path or "/", parts.query, ""))
    return Target(kind, f"{kind} {host}", key, url, options, tuple(secrets))


def _path_secrets(parts: SplitResult) -> list[str]:
    """Return the parts of an address that are as good as a password: who has them may post."""
    words = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    return [word for word in words if len(word) >= 6] + [parts.path] * (len(parts.path) > 6)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _mail(
    kind: TargetKind,
    parts: SplitResult,
    options: dict[str, str],
    key: str,
    *,
    is_hidden: bool,
    option: str,
) -> Target:
    if parts.password is not None and not is_hidden:
        raise UsageError(f"{option}: an address holds a password", hint=_NAME_IT)
    user = unquote(parts.username or "")
    if user:
        options["user"] = user
        if parts.password is not None:
            options.setdefault("password", unquote(parts.password))
    receivers = [one.strip() for one in options.get("to", "").split(",") if one.strip()]
    host = parts.hostname or ""
    sender = options.get("from") or (user if "@" in user else f"aftershock@{host}")
    if not receivers:
        raise UsageError(f"{option}: mail names nobody", hint="smtp://host/?to=ops@example.org")
    # An address from a URL may hold coded line ends; what passes here cannot end a header.
    for address in (*receivers, sender):
        if not _ADDRESS.fullmatch(address):
            raise UsageError(f"{option}: mail has an address that is none", hint=_HINT)
    options |= {"to": ",".join(receivers), "from": sender}
    secrets = tuple(options[name] for name in ("password",) if options.get(name))
    url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
    return Target(kind, f"mail {host}", key, url, options, secrets)


def _file(given: str, key: str, option: str) -> Target:
    if given.lower().startswith("file:"):
        parts = urlsplit(given)
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise UsageError(f"{option}: a file is named as file:///path", hint=_HINT)
        given = unquote(parts.path)
    path = Path(given)
    if "\0" in given or not path.name:
        raise UsageError(f"{option}: a target names no file", hint=_HINT)
    return Target("file", f"file {path}", key, str(path))


def _apprise(given: str, key: str) -> Target:
    from importlib.util import find_spec

    if find_spec("apprise") is None:
        raise UsageError(
            "--notify apprise:… needs the package apprise, which is not installed",
            hint="pip install 'aftershock[notify]'",
        )
    url = given.partition(":")[2]
    scheme = url.partition(":")[0]
    label = scheme if re.fullmatch(r"[a-zA-Z0-9]{1,20}", scheme) else "of no known scheme"
    rest = url.partition("://")[2]
    words = [word for word in re.split(r"[/?&=@:]+", rest) if len(word) >= 6]
    return Target("apprise", f"apprise {label}", key, url, {}, (url, rest, *words))
