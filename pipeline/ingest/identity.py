"""Who wrote a stream: service, container and pod, from where the platform puts its files.

The file's name says who, never what format. Conventions: Docker's container folders and
`NAME-json.log`, Kubernetes' pod folders and links, else the file's stem. Generated endings
(replica, pod hash, compose number) are cut, so that a service keeps its name over restarts and
days.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DOCKER_ID = re.compile(r"[0-9a-f]{64}")
_POD_LOG = re.compile(r"(?P<ns>[a-z0-9-]+)_(?P<pod>[a-z0-9.-]+)_(?P<uid>[0-9a-f-]{32,36})$")
_CONTAINER_LINK = re.compile(
    r"(?P<pod>[a-z0-9.-]+)_(?P<ns>[a-z0-9-]+)_(?P<container>[a-z0-9.-]+)-(?P<id>[0-9a-f]{64})$"
)
# Deployment pods end in a replica-set hash and five characters, others in five characters or a
# number.
_POD_ENDINGS = (
    re.compile(r"-[0-9a-z]{8,10}-[0-9a-z]{5}$"),
    re.compile(r"-(?=[a-z]*[0-9])[bcdfghjklmnpqrstvwxz2456789]{5}$"),
    re.compile(r"-[0-9]+$"),
)
_COMPOSE_NUMBER = re.compile(r"[-_][0-9]+$")
_ENDING = re.compile(r"\.(?:log|txt|out|err|json|jsonl|ndjson)$")
_ECS_STREAM = re.compile(r"[^/]+/(?P<container>[^/]+)/[0-9a-f-]{4,36}$")
_UNIT = re.compile(r"\.(?:service|scope|slice|socket|timer|mount)$")
_REVISION = re.compile(r":[0-9]+$")
_MAX_NAME = 128


@dataclass(frozen=True, slots=True)
class Identity:
    """Names of one stream; *service_name* is always filled."""

    service_name: str
    container_name: str | None = None
    container_id: str | None = None
    pod_name: str | None = None


@cache
def identify(stream_name: str) -> Identity:
    """Return who wrote the stream with this path (rotation and compression endings removed)."""
    path = Path(stream_name)
    stem = _ENDING.sub("", path.name)
    if _DOCKER_ID.match(stem) and stem.removesuffix("-json") == path.parent.name:
        return _docker(path.parent)
    if match := _POD_LOG.match(path.parent.parent.name):
        return Identity(service_of_pod(match["pod"]), path.parent.name, None, match["pod"])
    if match := _CONTAINER_LINK.match(stem):
        return Identity(
            service_of_pod(match["pod"]), match["container"], match["id"][:12], match["pod"]
        )
    name = stem.removesuffix("-json") or "unknown"
    service = service_of_pod(name) if stem.endswith("-json") else name
    if stem == "-":
        service = name = "stdin"
    return Identity(service[:_MAX_NAME], name[:_MAX_NAME] if stem.endswith("-json") else None)


def service_of_pod(pod: str) -> str:
    """Cut the generated endings off a pod's name.

    >>> service_of_pod("ts-contacts-service-866bd68c97-xcqfx"), service_of_pod("redis-0")
    ('ts-contacts-service', 'redis')
    """
    for ending in _POD_ENDINGS:
        shorter = ending.sub("", pod)
        if shorter and shorter != pod:
            return shorter
    return pod


def service_of_container(container: str) -> str:
    """Cut compose's number off a container's name: `worker-1` and `worker_1` are of `worker`.

    Of an ECS log stream the container in its middle: `prefix/api/0123…` is of `api`.
    """
    if match := _ECS_STREAM.match(container):
        return match["container"]
    return _COMPOSE_NUMBER.sub("", container) or container


def service_of_word(word: str) -> str:
    """Clean a service's name as platforms write it: a unit, a log group, a revision.

    >>> service_of_word("sshd.service"), service_of_word("/ecs/shop-api"), service_of_word("api:12")
    ('sshd', 'shop-api', 'api')
    """
    name = _UNIT.sub("", word.strip().rstrip("/").rpartition("/")[2])
    name = _REVISION.sub("", name.partition("@")[0])
    return (name or word)[:_MAX_NAME]


def _docker(folder: Path) -> Identity:
    short = folder.name[:12]
    try:
        # Names only: the file also holds the container's environment, which is never read into
        # anything.
        name = json.loads((folder / "config.v2.json").read_text(encoding="utf-8")).get("Name")
    except (OSError, ValueError, AttributeError):
        name = None
    if not isinstance(name, str) or not name.strip("/"):
        return Identity(short, None, short)
    container = name.strip("/")[:_MAX_NAME]
    return Identity(service_of_container(container), container, short)
