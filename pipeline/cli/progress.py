"""What goes on, on stderr: a bar once it takes long and somebody watches, or a line a step."""

import sys
import threading
import time
from typing import Any, ClassVar, Self

import click

# What is done before this needs no bar; to draw one costs as much again.
DELAY_SECONDS = 0.5


class Progress:
    """Shows the step that it was told last; one is active at a time."""

    _active: ClassVar["Progress | None"] = None

    def __init__(self, *, lines: bool) -> None:
        self._lines = lines
        self._begun = time.monotonic()
        self._step: tuple[str, float | None, float | None] = ("starting", None, None)
        self._told = ""
        self._bar: Any = None  # rich's, imported when it is drawn
        self._is_closed = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(DELAY_SECONDS, self._draw)
        self._timer.daemon = True
        if not lines:
            self._timer.start()

    @classmethod
    def begin(cls, *, lines: bool) -> Self:
        """Make a new one the active one."""
        cls.end()
        active = cls(lines=lines)
        cls._active = active
        return active

    @classmethod
    def end(cls) -> None:
        """Take the active one off the terminal, before anything else is written there."""
        if cls._active is not None:
            cls._active.close()
            cls._active = None

    def __call__(self, step: str) -> None:
        """Tell that *step* is being done; one that has numbers says how far."""
        done, total = getattr(step, "done", None), getattr(step, "total", None)
        text = "".join(c if c.isprintable() else "?" for c in step)
        if self._lines:
            if text != self._told:
                click.echo(f"[{time.monotonic() - self._begun:6.1f} s] {text}", err=True)
                self._told = text
            return
        with self._lock:
            self._step = (text, done, total)
            if self._bar is not None:
                self._update()

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        with self._lock:
            if not self._is_closed:
                self._bar = Progress(
                    SpinnerColumn(),
                    # Names of files are no markup.
                    TextColumn(
                        "{task.description}",
                        markup=False,
                        table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
                    ),
                    BarColumn(bar_width=20),
                    TaskProgressColumn(),
                    TimeElapsedColumn(),
                    TimeRemainingColumn(elapsed_when_finished=False),
                    console=Console(file=sys.stderr),
                    transient=True,
                )
                self._bar.add_task("", total=None)
                self._update()
                self._bar.start()

    def _update(self) -> None:
        text, done, total = self._step
        self._bar.update(0, description=text, completed=done or 0, total=total)

    def close(self) -> None:
        """Stop drawing, and leave nothing."""
        self._timer.cancel()
        with self._lock:
            self._is_closed = True
            if self._bar is not None:
                self._bar.stop()
