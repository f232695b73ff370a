"""What --notify names, and that no message about it holds a secret."""

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.notify import parse_ping, parse_target

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    ("text", "kind", "url"),
    [
        ("https://hooks.example/in", "json", "https://hooks.example/in"),
        ("HTTPS://hooks.example", "json", "https://hooks.example/"),
        ("https://hooks.slack.com/services/x", "slack", "https://hooks.slack.com/services/x"),
        ("https://hooks.slack.com.example/x", "json", "https://hooks.slack.com.example/x"),
        ("slack+https://chat.example/x", "slack", "https://chat.example/x"),
        ("mattermost+https://chat.example/hooks/x", "mattermost", "https://chat.example/hooks/x"),
        ("teams+https://flow.example/x?sig=1", "teams", "https://flow.example/x?sig=1"),
        ("https://a.b.logic.azure.com:443/w", "teams", "https://a.b.logic.azure.com:443/w"),
        ("alertmanager+http://am:9093", "alertmanager", "http://am:9093/api/v2/alerts"),
        ("alertmanager+http://am/p/", "alertmanager", "http://am/p/api/v2/alerts"),
        ("smtp://me@mail.example:587/?to=a@b.example", "mail", "smtp://mail.example:587"),
        ("file:///var/tmp/a%20b.jsonl", "file", "/var/tmp/a b.jsonl"),
        ("alerts.jsonl", "file", "alerts.jsonl"),
        ("C:\\alerts.jsonl", "file", "C:\\alerts.jsonl"),
    ],
)
def test_kinds(text: str, kind: str, url: str) -> None:
    target = parse_target(text, {})

    assert (target.kind, target.url) == (kind, url)
    assert target.key not in ("", parse_target("other.jsonl", {}).key)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("https://", "names no host"),
        ("https://h:99999/", "is no address"),
        ("ftp://h/", "none of the schemes"),
        ("https://h/\r\nX: y", "control character"),
        ("https://h/ü", "not ASCII"),
        (f"https://u:{SECRET}@h/", "holds a password"),
        (f"smtp://u:{SECRET}@h/?to=a@b", "holds a password"),
        (f"https://h/#bearer={SECRET}", "only named"),
        (f"smtp://u@h/?to=a@b#password={SECRET}", "only named"),
        (f"https://h/#token={SECRET}", "no option 'token'"),
        ("http://h.example/#bearer=env:HUSH", "not sent unencrypted"),
        ("https://h/#bearer=env:LINES", "control character"),
        ("env:NONE", "no such variable"),
        ("env:NESTED", "reference again"),
        ("env:WRONG", "none of the schemes"),
        ("file:no-such-file", "No such file"),
        ("smtp://h/", "names nobody"),
        ("smtp://h/?to=a@b%0d%0aBcc:x@y", "control character"),
        ("smtp://h/?to=a@b;c@d", "has an address that is none"),
        ("smtp://h/?to=a@b&from=x%0d%0aSubject:y@z", "control character"),
        ("file://other/x", "file:///path"),
        ("file:///", "names no file"),
    ],
)
def test_what_cannot_be_used_is_told_without_secrets(text: str, said: str) -> None:
    given = {"HUSH": SECRET, "LINES": f"{SECRET}\nX: y", "NESTED": "env:HUSH"}
    given["WRONG"] = f"odd://{SECRET}/"

    with pytest.raises(UsageError, match=said) as raised:
        parse_target(text, given)

    assert SECRET not in f"{raised.value} {raised.value.hint}"


def test_a_reference_stands_for_all_or_for_an_option(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("https://u:pass-word@hooks.example/in/T0/B0xyz\n", "utf-8")

    named = parse_target(f"file:{tmp_path / 'hook'}", {})
    option = parse_target("https://hooks.example/in#bearer=env:HUSH", {"HUSH": SECRET})

    assert named.url == "https://hooks.example/in/T0/B0xyz"
    assert named.options == {"user": "u", "password": "pass-word"}
    assert {"pass-word", "B0xyz"} & set(named.secrets) == {"pass-word"}
    assert "/in/T0/B0xyz" in named.secrets
    assert option.options == {"bearer": SECRET}
    for one in (named, option):
        assert one.label == "json hooks.example"
        assert "pass-word" not in repr(one) and SECRET not in repr(one)


def test_a_ping_is_called_by_its_host() -> None:
    done, failed = parse_ping("env:PING", {"PING": "https://hc.example/0000-uuid#fail=/fail"})

    assert failed is not None
    assert (done.url, failed.url) == ("https://hc.example/0000-uuid", f"{done.url}/fail")
    assert done.label == failed.label == "ping hc.example"
    assert "0000-uuid" not in repr((done, failed))


def test_the_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(UsageError, match="apprise") as raised:
        parse_target("apprise:json://localhost/x", {})

    assert "aftershock[notify]" in str(raised.value.hint)
