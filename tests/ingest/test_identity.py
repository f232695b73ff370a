"""Who wrote a stream, from where platforms put their files and from prefixes."""

import json

import pytest

from pipeline.errors import UsageError
from pipeline.ingest.identity import (
    identify,
    parse_services,
    ruled_service,
    service_of_container,
    service_of_pod,
)
from tests.ingest.support import options, read_files, read_text

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
        (f"containers/{ID}/local-logs/container.log", ID[:12], None, None),
        (f"overlay-containers/{ID}/userdata/ctr.log", ID[:12], None, None),
        (f"pods/kube-system_etcd-node-1_{'a1' * 16}/etcd/0.log", "etcd", "etcd", "etcd-node-1"),
        ("dump/namespaces/shop/pods/api-0/app/app/logs/current.log", "api", "app", "api-0"),
        ("archive/namespaces/shop/pods/api-5f7c9d6b8-zxcvb/containers/app/logs/last-100-lines.log",
         "api", "app", "api-5f7c9d6b8-zxcvb"),
        ("config/pod/shop/logs/scheduler-ip-10-0-141-107.us-east-2.compute.internal/errors.log",
         "scheduler", None, "scheduler-ip-10-0-141-107.us-east-2.compute.internal"),
        ("podlogs/shop/api-job-0c1d2e3f4a5b6c7d/logs/worker.txt", "api-job", "worker",
         "api-job-0c1d2e3f4a5b6c7d"),
        ("bundle/pods/logs/shop/api-0/app.log", "api", "app", "api-0"),
        ("dump/shop/api-0/logs.txt", "api", None, "api-0"),
        ("saved/api-7d9c5b6f4-x2x7q.log", "api", None, "api-7d9c5b6f4-x2x7q"),
        ("saved/user-frontend-proxy.log", "user-frontend-proxy", None, None),
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


def test_labels_of_a_docker_folder_name_the_service() -> None:
    labels = {"com.docker.compose.service": "api", "secret": "hunter2"}
    config = {"Name": "/shop-api-1", "Config": {"Labels": labels}}
    read = read_files(
        {
            f"{ID}/{ID}-json.log": b'{"log":"x","stream":"stdout","time":"2026-03-02T10:00:00Z"}',
            f"{ID}/config.v2.json": json.dumps(config).encode(),
        }
    )
    assert read.events["service_name"].to_list() == ["api"]


def test_attributes_of_a_docker_record_name_the_service() -> None:
    record = {
        "log": "x\n",
        "stream": "stdout",
        "attrs": {"com.docker.compose.service": "api", "tag": "t"},
        "time": "2026-03-02T10:00:00Z",
    }
    assert read_text(json.dumps(record) + "\n").events["service_name"].to_list() == ["api"]


@pytest.mark.parametrize(
    ("record", "service"),
    [
        ({"service.name": "cart"}, "cart"),
        ({"service": {"name": "cart"}}, "cart"),
        ({"service": "cart"}, "cart"),
        ({"service": "12ms"}, "all"),
        ({"other": "cart"}, "all"),
    ],
)
def test_record_names_its_service_where_the_file_does_not(
    record: dict[str, object], service: str
) -> None:
    text = json.dumps({"level": "error", "msg": "gone", **record}) + "\n"
    read = read_text(text, name="all.log")
    assert set(read.events["service_name"]) == set(read.rollup["service_name"]) == {service}
    folder = f"shop_api-0_{UID}/app/0.log"
    assert set(read_text(text, name=folder).events["service_name"]) == {"api"}


RULES = parse_services(["*api*=front", "worker-2=second", "*.gz=old", "db=store"])


@pytest.mark.parametrize(
    ("names", "service"),
    [
        (["logs/shop-api.log"], "front"),
        (["logs/x.log", "worker-2", None], "second"),
        (["db"], "store"),
        (["logs/x.log", "worker-1"], None),
    ],
)
def test_first_rule_that_fits_a_name_gives_the_service(
    names: list[str | None], service: str | None
) -> None:
    assert ruled_service(RULES, names) == service


def test_rules_rename_services_in_events_and_counts() -> None:
    text = "api-1     | INFO:     a\nworker-2  | INFO:     b\ndb        | INFO:     c\n" * 3
    read = read_text(text, options(services=RULES))
    for table in (read.events, read.rollup, read.minutes):
        assert set(table["service_name"]) <= {"front", "second", "store"}
    assert set(read.events["service_name"]) == {"front", "second", "store"}
    assert read_text(text, options(services=parse_services(["all"]))).ledger[
        "service_name"
    ].to_list() == ["all"]


@pytest.mark.parametrize("value", ["", "=api", "api=", "  ", "a" * 200, "x=a\x1bb"])
def test_a_rule_that_names_nothing_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="--service"):
        parse_services([value])


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
        ("user-frontend-proxy", "user-frontend-proxy"),
        ("cache-dc4d75dd-fw6ft", "cache"),
        ("fluent-bit-zxcvb", "fluent-bit"),
        ("backup-28473960-x7k2p", "backup"),
        ("migrate-0-x7k2p", "migrate"),
        ("ingress-https", "ingress-https"),
        ("api-1234567890-x2x7q", "api"),
        ("fluent-bit-2dbhb", "fluent-bit"),
        ("payment-service", "payment-service"),
        ("api", "api"),
    ],
)
def test_generated_endings_of_pods_are_cut(pod: str, service: str) -> None:
    assert service_of_pod(pod) == service


@pytest.mark.parametrize(
    ("container", "service"),
    [("worker-1", "worker"), ("shop_db_12", "shop_db"), ("redis", "redis"), ("-1", "-1"),
     ("shop_api.2.59vtwwroriie0ab1", "shop_api"), ("shop/orders/0123456789abcdef", "orders"),
     ("k8s_app_api-7d9c5b6f4-x2x7q_shop_12345678-1234_0", "api")],
)  # fmt: skip
def test_number_of_a_replica_is_cut(container: str, service: str) -> None:
    assert service_of_container(container) == service
