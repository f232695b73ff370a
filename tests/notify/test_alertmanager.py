"""Alertmanager itself, where it is installed, accepts the alerts and shows them."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.notices import Problem
from pipeline.notify import deliver, parse_target
from pipeline.render.notices import render_notice
from tests.notify.plant import HOUR, notice, problem

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Alertmanager is installed"),
]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    config = tmp_path / "config.yml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n", encoding="utf-8")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    assert PROGRAM is not None
    process = subprocess.Popen(
        [PROGRAM, f"--config.file={config}", f"--storage.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(200):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready"):
                break
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def alerts_at(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://{address}/api/v2/alerts") as answer:
        return {one["labels"]["finding_id"]: one for one in json.load(answer)}


def test_what_is_open_is_shown_until_it_is_over(address: str) -> None:
    target = parse_target(f"alertmanager+http://{address}", {})
    now = datetime.now(UTC)

    def send(*standing: Problem) -> None:
        told = replace(notice(), generated_at=now, standing=standing)
        payload = render_notice(told, "alertmanager")
        assert payload is not None
        (found,) = deliver([(target, payload)], now, "0")
        assert found.is_delivered, f"{found.text} {found.answer}"

    one = problem("f1", onset=now - 3 * HOUR, title='quo"ted <b> \\ ü')
    other = problem("f2", onset=None, first_seen=None, error_class=None)
    send(one, other)
    shown = alerts_at(address)
    assert set(shown) == {"f1", "f2"}
    begun = datetime.fromisoformat(shown["f1"]["startsAt"])
    assert abs(begun - (now - 3 * HOUR)).total_seconds() < 1
    assert shown["f1"]["annotations"]["summary"] == 'quo"ted <b> \\ ü'
    assert shown["f1"]["labels"]["error_class"] == "pool_exhausted"
    assert shown["f2"]["labels"]["error_class"] == "unclassified"

    send(replace(one, state="escalating"), replace(other, state="resolved"))
    shown = alerts_at(address)
    assert set(shown) == {"f1"}
    assert shown["f1"]["annotations"]["state"] == "escalating"
