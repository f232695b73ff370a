"""Who wrote a stream, from where platforms put their files and from prefixes."""

import json

import pytest

from pipeline.ingest.identity import identify, service_of_container, service_of_pod
from tests.ingest.support import read_files, read_text

ID = "0123456789abcdef" * 4
UID = "12345678-1234-1234-1234-123456789abc"
LINE = b"2026-03-02 10:00:00,125 - shop - ERROR - gone\n"


@pytest.mark.parametrize(
    ("name", "service", "container", "pod"),
    [
        ("logs/api.log", "api", None, None),
        ("logs/api", "api", None, None),
        ("logs/ts-order-service-5b67c48447-mv5hb-json.log", "ts-order-service",
         "ts-order-service-5b67c48447-mv5hb", None),
        (f"pods/shop_api-7d9c5b6f4-x2x7q_{UID}/app/0.log", "api", "app", "api-7d9c5b6f4-x2x7q"),
        (f"containers/api-7d9c5b6f4-x2x7q_shop_app-{ID}.log", "api", "app", "api-7d9c5b6f4-x2x7q"),
        (f"containers/{ID}/{ID}-json.log", ID[:12], None, None),
        ("-", "stdin", None, None),
    ],
)  # fmt: skip
def test_path_says_who(name: str, service: str, container: str | None, pod: str | None) -> None:
    found = identify(name)
    assert (found.service_name, found.container_name, found.pod_name) == (service, container, pod)


def test_docker_folder_has_the_name_of_its_container() -> None:
    line = json.dumps({"log": LINE.decode(), "stream": "stderr", "time": "2026-03-02T10:00:00Z"})
    config = {"Name": "/shop-api-1", "Config": {"Env": ["PASSWORD=hunter2"]}}
    read = read_files(
        {
            f"{ID}/{ID}-json.log": line.encode() + b"\n",
            f"{ID}/config.v2.json": json.dumps(config).encode(),
            f"{ID}/hostconfig.json": b"{}",
        }
    )
    event = read.events.row(0, named=True)
    assert event["service_name"] == "shop-api"
    assert event["container_name"] == "shop-api-1"
    assert event["container_id"] == ID[:12]
    assert read.ledger.height == 1
    assert "hunter2" not in str(event)


def test_compose_prefix_names_container_and_service() -> None:
    text = "api-1     | INFO:     a\nworker-2  | INFO:     b\ndb        | INFO:     c\n" * 3
    events = read_text(text).events
    assert events.select("container_name", "service_name").unique().sort(
        "container_name"
    ).rows() == [
        ("api-1", "api"),
        ("db", "db"),
        ("worker-2", "worker"),
    ]


def test_kubectl_prefix_names_pod_and_container() -> None:
    text = "[pod/api-7d9c5b6f4-x2x7q/app] INFO:     started\n" * 3
    event = read_text(text).events.row(0, named=True)
    assert (event["service_name"], event["container_name"]) == ("api", "app")


@pytest.mark.parametrize(
    ("pod", "service"),
    [
        ("api-7d9c5b6f4-x2x7q", "api"),
        ("redis-0", "redis"),
        ("fluent-bit-2dbhb", "fluent-bit"),
        ("payment-service", "payment-service"),
        ("api", "api"),
    ],
)
def test_generated_endings_of_pods_are_cut(pod: str, service: str) -> None:
    assert service_of_pod(pod) == service


@pytest.mark.parametrize(
    ("container", "service"),
    [("worker-1", "worker"), ("shop_db_12", "shop_db"), ("redis", "redis"), ("-1", "-1")],
)
def test_number_of_a_replica_is_cut(container: str, service: str) -> None:
    assert service_of_container(container) == service
