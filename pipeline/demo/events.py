"""What a container writes: events, each with its time, and the small tools that all of them use."""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pipeline.demo.clock import END, WINDOWS, Span, sample
from pipeline.demo.story import BACKGROUND


class Event(NamedTuple):
    """One event of one container; *text* has a line feed between its lines and none at its end.

    *label* names the error class of an error event and is empty for all others.
    """

    micros: int
    stream: str
    text: str
    label: str = ""


WHOLE: Span = (0, END)


def token(rng: random.Random) -> str:
    """Return an id of 16 hexadecimal digits."""
    return f"{rng.getrandbits(64):016x}"


def address(rng: random.Random) -> str:
    """Return an address of a private network, as a proxy's clients have."""
    return f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def repeat(
    rng: random.Random,
    daily: int,
    make: Callable[[int], str],
    stream: str = "stdout",
    *,
    is_traffic: bool = True,
) -> Iterator[Event]:
    """Yield ordinary events: *daily* in each of the two days, at times drawn anew."""
    for span in WINDOWS.values():
        for micros in sample(rng, daily, [span], is_traffic=is_traffic):
            yield Event(micros, stream, make(micros))


def every(
    seconds: int, make: Callable[[int], str], stream: str = "stdout", *, after: int = 250_000
) -> Iterator[Event]:
    """Yield what a timer writes: one event each *seconds*, *after* microseconds past the second."""
    for micros in range(after, END, seconds * 1_000_000):
        yield Event(micros, stream, make(micros))


def background(
    rng: random.Random, name: str, make: Callable[[int], str], stream: str = "stderr"
) -> Iterator[Event]:
    """Yield the error events of the background class *name*, with the planned count in each day."""
    plan = next(item for item in BACKGROUND if item.name == name)
    counts = (plan.baseline_count, plan.candidate_count)
    for span, count in zip(WINDOWS.values(), counts, strict=True):
        for micros in sample(rng, count, [span], is_traffic=plan.is_traffic):
            yield Event(micros, stream, make(micros), name)


def once(micros: int, lines: Iterable[str], stream: str = "stderr") -> Iterator[Event]:
    """Yield one event for each of *lines*, ten milliseconds apart: what a start writes."""
    for number, line in enumerate(lines):
        yield Event(micros + number * 10_000, stream, line)
