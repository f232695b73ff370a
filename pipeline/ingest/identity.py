"""Who wrote a stream: service, container and pod, from where the platform puts its files.

The file's name says who, never what format. Conventions: Docker's and podman's container folders,
Kubernetes' pod folders and links, the trees that dumps of clusters have, `NAME-json.log`, else the
file's stem. What an envelope says of a line counts before its file (`name_events`), a field of the
record before a mere stem, and what the user says (`--service`) before all. Generated endings
(replica, pod hash, compose number) are cut, so that a service keeps its name over restarts and
days.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import polars as pl

from pipeline.errors import UsageError
from pipeline.ingest.decode import resolve

# The letters that Kubernetes draws generated names from: no vowels, so that no words come up.
_DRAWN = "[bcdfghjklmnpqrstvwxz2456789]"
_POD = "(?P<pod>[a-z0-9][a-z0-9.-]*)"
# Where platforms and tools put the log of a container; the first that fits the path's end.
_CONVENTIONS = tuple(
    re.compile(rf"(?:^|/){pattern}$")
    for pattern in (
        # kubelet; a static pod has an id without dashes
        rf"[a-z0-9-]+_{_POD}_(?P<uid>[0-9a-f-]{{32,36}})/(?P<container>[^/]+)/[^/]+",
        # the links to them in /var/log/containers
        rf"{_POD}_[a-z0-9-]+_(?P<container>[a-z0-9.-]+)-(?P<id>[0-9a-f]{{64}})(?:\.log)?",
        # oc adm must-gather, OpenShift Insights
        rf"pods/{_POD}/(?:containers/)?(?P<container>[^/]+)/(?:[^/]+/)?logs/(?:rotated/)?[^/]+",
        rf"config/pod/[^/]+/logs/{_POD}/[^/]+",
        # Sonobuoy, support bundles
        rf"podlogs/[^/]+/{_POD}/logs/(?P<container>[^/.]+)[^/]*",
        rf"pods/logs/[^/]+/{_POD}/(?P<container>[^/.]+)[^/]*",
        # kubectl cluster-info dump
        rf"[a-z0-9-]+/{_POD}/logs\.txt",
        # Docker's folders, its local driver's and podman's
        r"(?P<id>[0-9a-f]{64})/(?:local-logs/|userdata/)?[^/]+",
    )
)
# A pod's name in a file's stem: a drawn hash and five drawn characters are no coincidence.
_POD_STEM = re.compile(rf"-(?:{_DRAWN}{{6,10}}|[0-9]{{8,10}})-{_DRAWN}{{5}}$")
# Pods of a Deployment end in a hash and five characters, of a CronJob in its minute and five, of a
# DaemonSet or Job in five (with a number before them when the Job is indexed), of a StatefulSet in
# a number; static pods in their node's name.
_POD_ENDINGS = (
    _POD_STEM,
    re.compile(rf"-[0-9]{{1,3}}-(?=[a-z]*[0-9]){_DRAWN}{{5}}$"),
    re.compile(rf"-{_DRAWN}{{5}}$"),
    re.compile(r"-ip-[0-9]+-[0-9]+-[0-9]+-[0-9]+(?:\.[a-z0-9.-]+)?$"),
    re.compile(r"-[0-9]{1,4}$"),
)
_LONG_HASH = re.compile(r"-(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{12,}$")
# Words without a vowel, with which services' names end.
_WORDS = ("-https", "-pgsql", "-mssql", "-rtmps", "-xmpps")
_COMPOSE_NUMBER = re.compile(r"[-_][0-9]+$")
_SWARM_TASK = re.compile(r"\.[0-9]+(?:\.[a-z0-9]{12,25})?$")
_KUBERNETES_CONTAINER = re.compile(r"k8s_(?P<container>[^_]+)_(?P<pod>[^_]+)_[^_]+_[^_]+_[0-9]+$")
_ECS_STREAM = re.compile(r"[^/]+/(?P<container>[^/]+)/[0-9a-f-]{4,36}$")
_UNIT = re.compile(r"\.(?:service|scope|slice|socket|timer|mount)$")
_REVISION = re.compile(r":[0-9]+$")
_ENDING = re.compile(r"\.(?:log|txt|out|err|json|jsonl|ndjson)$")
_MAX_NAME = 128

# Where records name their service themselves, as structured loggers and tracers write it.
SERVICE_KEYS = ("service.name", "service_name", "serviceName", "service", "dd.service")
_NAME = r"^[A-Za-z][A-Za-z0-9_./-]{0,63}$"
# A field with more values than this in one stream tells something else than services.
_MAX_NAMES = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """Names of one stream; *service_name* is always filled.

    *is_certain*: a platform's convention says it, not the file's stem.
    """

    service_name: str
    container_name: str | None = None
    container_id: str | None = None
    pod_name: str | None = None
    is_certain: bool = True


Rules = tuple[tuple[str, str], ...]


def parse_services(given: Sequence[str]) -> Rules:
    """Read the values of ``--service``: `GLOB=NAME` in order, or one `NAME` for everything.

    A glob is compared with the path of a file, its last part, and the names of pod, container and
    service. Raises `UsageError` for a value that names nothing.
    """
    rules = []
    for value in given:
        glob, equals, name = value.rpartition("=")
        glob, name = glob.strip(), name.strip()
        if equals and not glob:
            raise UsageError(
                f"--service {value!r} has no pattern before the =", hint="write GLOB=NAME, or NAME"
            )
        if not name:
            raise UsageError(
                f"--service {value!r} names no service", hint="write GLOB=NAME, or NAME"
            )
        if len(name) > _MAX_NAME or not name.isprintable():
            raise UsageError(
                f"--service {value!r}: a name has at most {_MAX_NAME} printable characters"
            )
        rules.append((glob or "*", name))
    return tuple(rules)


def ruled_service(rules: Rules, names: Iterable[str | None]) -> str | None:
    """Return the service that the first fitting rule gives to whoever has these *names*."""
    known = [name for name in names if name]
    for glob, service in rules:
        if any(fnmatchcase(name, glob) for name in known):
            return service
    return None


@cache
def identify(stream_name: str) -> Identity:
    """Return who wrote the stream with this path (rotation and compression endings removed)."""
    path = Path(stream_name)
    stem = _ENDING.sub("", path.name)
    if stem == "-":
        return Identity("stdin", is_certain=False)
    for convention in _CONVENTIONS:
        if match := convention.search(path.as_posix()):
            return _by_convention(path, match)
    name = stem.removesuffix("-json") or "unknown"
    if stem.endswith("-json"):
        return Identity(service_of_pod(name)[:_MAX_NAME], name[:_MAX_NAME])
    if _POD_STEM.search(name):
        return Identity(service_of_pod(name)[:_MAX_NAME], None, None, name[:_MAX_NAME])
    return Identity(name[:_MAX_NAME], is_certain=False)


def _by_convention(path: Path, match: re.Match[str]) -> Identity:
    found = match.groupdict()
    pod, container = found.get("pod"), found.get("container")
    if pod is None:
        folder = next(part for part in path.parents if part.name == found["id"])
        return _docker(folder)
    identifier = (found.get("id") or "")[:12] or None
    if "-" not in (found.get("uid") or "-") and container:
        # A static pod is called after its container and its node.
        return Identity(service_of_pod(container), container, identifier, pod)
    return Identity(service_of_pod(pod), container, identifier, pod)


def service_of_pod(pod: str) -> str:
    """Cut the generated endings off a pod's name.

    >>> service_of_pod("ts-contacts-service-866bd68c97-xcqfx"), service_of_pod("redis-0")
    ('ts-contacts-service', 'redis')
    """
    for ending in _POD_ENDINGS:
        shorter = ending.sub("", pod)
        if shorter and shorter != pod and not pod.endswith(_WORDS):
            return _LONG_HASH.sub("", shorter)
    return _LONG_HASH.sub("", pod) or pod


def service_of_container(container: str) -> str:
    """Cut what replicas are told apart by off a container's name.

    Compose's number (`worker-1` and `worker_1` are of `worker`), Swarm's task, the pod of what
    Kubernetes ran on Docker; of an ECS log stream the container in its middle.
    """
    if match := _ECS_STREAM.match(container):
        return match["container"]
    if match := _KUBERNETES_CONTAINER.match(container):
        return service_of_pod(match["pod"])
    shorter = _SWARM_TASK.sub("", container) or container
    return _COMPOSE_NUMBER.sub("", shorter) or container


def service_of_word(word: str) -> str:
    """Clean a service's name as platforms write it: a unit, a log group, a revision.

    >>> service_of_word("sshd.service"), service_of_word("/ecs/shop-api"), service_of_word("api:12")
    ('sshd', 'shop-api', 'api')
    """
    name = _UNIT.sub("", word.strip().rstrip("/").rpartition("/")[2])
    name = _REVISION.sub("", name.partition("@")[0])
    return (name or word)[:_MAX_NAME]


def name_events(
    events: pl.DataFrame, objects: pl.DataFrame, identity: Identity, rules: Rules, path: str
) -> pl.DataFrame:
    """Add `service_name` and settle `container_name` of *events*.

    In order: a rule, what the envelope says (a service, a pod, a container, the program of a syslog
    line), a field of the record where only the file's stem is known, the stream's *identity*.
    *objects* are the decoded JSON rows with their `row`.
    """
    if events["container_name"].null_count() < events.height:
        events = events.with_columns(pl.col("container_name").str.strip_prefix("/"))
    named = events.with_columns(
        service_name=pl.coalesce(
            _mapped(events["envelope_service"], service_of_word),
            _mapped(events["pod_name"], service_of_pod),
            _mapped(events["container_name"], service_of_container),
            _program(events),
        )
    )
    missing = named["service_name"].null_count()
    if missing and not identity.is_certain and objects.height:
        own = _own_services(named, objects)
        named = named.with_columns(service_name=pl.coalesce("service_name", own))
    named = named.with_columns(
        pl.col("service_name").fill_null(identity.service_name),
        container_name=pl.coalesce("container_name", pl.lit(identity.container_name, pl.String)),
    )
    return _ruled(named, identity, rules, path) if rules else named


def _mapped(names: pl.Series, service_of: Callable[[str], str]) -> pl.Series:
    if names.null_count() == len(names):
        return names
    table = {name: service_of(name) for name in names.unique().to_list() if name is not None}
    return names.replace_strict(table, default=None, return_dtype=pl.String)


def _program(events: pl.DataFrame) -> pl.Series:
    """Return the program of lines whose envelope is a record format, as syslog's: its service."""
    scope = events["envelope_scope"]
    return scope.set(events["envelope_format"].is_null(), None)


def _own_services(events: pl.DataFrame, objects: pl.DataFrame) -> pl.Series:
    fields = objects.select("row", service=resolve(objects, SERVICE_KEYS))
    fields = fields.filter(pl.col("service").str.contains(_NAME))
    if fields["service"].n_unique() > _MAX_NAMES:
        fields = fields.clear()
    joined = events.select("row").join(fields, on="row", how="left", maintain_order="left")
    return joined["service"]


def _ruled(events: pl.DataFrame, identity: Identity, rules: Rules, path: str) -> pl.DataFrame:
    keys = ["service_name", "container_name", "pod_name"]
    whose = events.select(keys).unique()
    about = (path, Path(path).name, identity.pod_name)
    given = [ruled_service(rules, (*about, *names)) for names in whose.rows()]
    table = whose.with_columns(given=pl.Series(given, dtype=pl.String))
    joined = events.join(table, on=keys, how="left", maintain_order="left", nulls_equal=True)
    return joined.with_columns(service_name=pl.coalesce("given", "service_name")).drop("given")


def _docker(folder: Path) -> Identity:
    short = folder.name[:12]
    try:
        config = json.loads((folder / "config.v2.json").read_text(encoding="utf-8"))
        # Name and labels only: the file also holds the container's environment, which is never read
        # into anything.
        name, labels = config.get("Name"), config.get("Config", {}).get("Labels") or {}
    except (OSError, ValueError, AttributeError):
        name, labels = None, {}
    if not isinstance(name, str) or not name.strip("/"):
        return Identity(short, None, short)
    container = name.strip("/")[:_MAX_NAME]
    pod = _label(labels, "io.kubernetes.pod.name")
    service = (
        _label(labels, "com.docker.compose.service")
        or _label(labels, "com.docker.swarm.service.name")
        or (service_of_pod(pod) if pod else service_of_container(container))
    )
    return Identity(service[:_MAX_NAME], container, short, pod)


def _label(labels: object, key: str) -> str | None:
    value = labels.get(key) if isinstance(labels, dict) else None
    return value if isinstance(value, str) and value.isprintable() and value else None
