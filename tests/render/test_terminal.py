"""The terminal summary: the answer in one screen, and never a byte that a terminal obeys."""

import re
from dataclasses import replace

import pytest

from pipeline.model import State
from pipeline.render import render_terminal
from pipeline.render.terminal import MAX_ROWS, cells
from tests.render import sample
from tests.render.attacks import ATTACKS

FILES = ["out/report.html", "out/report.md", "out/result.json"]


def shown(attack: str = "", width: int = 100, color: bool = False) -> str:
    result = sample.hostile(attack) if attack else sample.incident()
    return render_terminal(result, width=width, color=color, files=FILES)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_control_byte_reaches_the_terminal(attack: str) -> None:
    text = render_terminal(
        sample.hostile(attack), width=100, color=False, files=[attack, f"dir/{attack}"]
    )

    assert not [c for c in text if (c < " " and c != "\n") or "\x7f" <= c <= "\x9f"]
    assert not re.search("[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]", text)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_colour_adds_nothing_but_colour(attack: str) -> None:
    colored = shown(attack, color=True)

    assert re.sub("\x1b\\[[0-9;]+m", "", colored) == shown(attack)
    assert colored.count("\x1b") % 2 == 0


@pytest.mark.parametrize("width", [1, 40, 60, 80, 100, 140, 300])
@pytest.mark.parametrize("attack", ["", "漢字" * 40, "x" * 300, "a\u0301" * 99], ids=range(4))
def test_no_line_is_wider_than_the_terminal(attack: str, width: int) -> None:
    text = shown(attack, width)

    assert max(cells(line) for line in text.splitlines()) <= max(width, 40)
    assert text.endswith("\n") and not text.endswith("\n\n")


def test_the_answer_comes_first() -> None:
    lines = shown().splitlines()

    assert lines[0].startswith("REGRESSION  Errors +71 %")
    assert "(95 % 1.6 to 1.8)" in lines[1]
    assert "onset about 2026-03-06 02:14:08 UTC" in lines[1]
    assert "99.94 % parsed" in lines[2]


def test_worse_classes_stand_above() -> None:
    table = shown().split("\n\n")[1].splitlines()

    rows = [line.split()[0] for line in table[1:]]
    assert rows[:3] == ["enum_binding", "asgi_message", "upstream_timeout"]


def test_the_rest_is_counted() -> None:
    base = sample.incident()
    many = [replace(sample.UNNAMED, finding_id=f"s{at}") for at in range(30)]

    text = render_terminal(replace(base, findings=many), width=100, color=False, files=[])

    assert f"and {30 - MAX_ROWS} more: {30 - MAX_ROWS} steady" in text


def test_the_chain_and_the_place_are_named() -> None:
    text = shown(width=140)

    assert "chain    POST /api/v1/billing/sync → enum_binding → " in text
    assert "precedes, not proves" in text
    assert "/srv/app/billing/tokens.py:88" in text
    assert "root cause" not in text.lower()


def test_only_commands_that_exist_are_named() -> None:
    texts = [
        shown(),
        render_terminal(sample.undecided(), width=100, color=False, files=FILES),
        render_terminal(sample.quiet(), width=100, color=False, files=[]),
    ]

    named = {word for text in texts for word in re.findall(r"analyze ([\w-]+)", text)}
    assert named <= {"run", "ingest", "report", "show", "demo", "LOGS"}
    assert "analyze report --check out" in texts[0]
    assert "--baseline" in texts[1]


def test_a_folder_is_quoted_so_that_the_command_can_be_pasted() -> None:
    text = render_terminal(
        sample.quiet(), width=100, color=False, files=["my logs; rm -rf x/report.html"]
    )

    assert "analyze report --check 'my logs; rm -rf x'" in text


def test_without_a_baseline_nothing_is_said_of_one() -> None:
    text = render_terminal(sample.undecided(), width=100, color=False, files=[])

    row = next(line for line in text.splitlines() if line.startswith("something failed"))
    assert row.split()[2:][:2] == ["not", "testable"]
    assert " 0 " not in row


def test_no_finding_is_said_in_words() -> None:
    text = render_terminal(sample.quiet(), width=100, color=False, files=[])

    assert text.startswith("NORMAL  ")
    assert "no error, warning or failed request" in text


def test_states_are_words_and_not_colours_alone() -> None:
    text = shown()

    for word in ("NEW", "INCREASED", "burst, suspected", "steady", "gone"):
        assert word in text
    assert State.NEW.value not in text.split("enum_binding", 1)[1].split("\n")[0]
