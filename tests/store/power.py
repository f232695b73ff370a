"""A machine that loses its power: from one call to the file system on, none does anything."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_CALLS = ("fsync", "replace", "unlink", "mkdir", "rmdir", "write", "open")


class PowerCutError(BaseException):
    """No code may catch it: nothing runs any more."""


class Power:
    """Counts calls that change files, and lets none through after *left* of them."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.calls = 0

    @property
    def is_on(self) -> bool:
        """Whether calls are let through."""
        return self.calls < self.left

    def guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return *call*, as long as there is power."""

        def guarded(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # as the call has them
            is_change = call is not os_open or bool(arguments[1] & os.O_CREAT)
            if is_change:
                if not self.is_on:
                    raise PowerCutError
                self.calls += 1
            return call(*arguments, **named)

        return guarded


os_open = os.open


@contextmanager
def power(monkeypatch: pytest.MonkeyPatch, left: int) -> Iterator[Power]:
    """Run what is inside with power for *left* calls; that it went is no error."""
    source = Power(left)
    with monkeypatch.context() as patched:
        for name in _CALLS:
            patched.setattr(os, name, source.guard(getattr(os, name)))
        try:
            yield source
        except PowerCutError:
            assert not source.is_on
