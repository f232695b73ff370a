"""A class that grows too slowly for two windows: said in its card, in every document."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.model import DataWarning, Ramp, Result
from pipeline.render import render_html, render_markdown, render_terminal
from pipeline.render.figures import TIMES
from tests.render import sample

SENTENCE = (
    f"grows by 4.0 % a day over 20 days: the last has {TIMES} 2.11 the rate of the first, "
    f"and {TIMES} 1.04 that of the day before"
)


def growing(ramp: Ramp | None) -> Result:
    result = sample.incident()
    findings = [replace(result.findings[0], ramp=ramp), *result.findings[1:]]
    warning = DataWarning("slow_ramp", "a warning of the same")
    coverage = replace(result.coverage, warnings=[warning])
    return replace(result, findings=findings, coverage=coverage)


def terminal(result: Result) -> str:
    return render_terminal(result, width=100, color=False, files=[])


def words(text: str) -> str:
    """Return *text* as it is read: without tags, on one line."""
    return " ".join(re.sub(r"</?[a-z][^>]*>", " ", text).split())


@pytest.mark.parametrize("render", [render_html, render_markdown, terminal])
def test_a_slow_ramp_is_a_sentence(render: Callable[[Result], str]) -> None:
    ramp = Ramp(20, 0.04, 2.11, 1.04, 1e-6)

    assert SENTENCE in words(render(growing(ramp)))
    assert "a day over" not in words(render(growing(None)))


def test_without_a_day_before_nothing_is_said_of_it() -> None:
    text = words(terminal(growing(Ramp(20, 0.04, 2.11, None, 1e-6))))

    assert "the rate of the first" in text
    assert "day before" not in text


def test_the_terminal_says_it_once() -> None:
    assert "a warning of the same" not in terminal(growing(Ramp(20, 0.04, 2.11, 1.04, 1e-6)))
    assert "a warning of the same" in terminal(growing(None))
