"""Every error that this package raises on purpose.

    PipelineError            exit 3: could not finish
    ├── UsageError           exit 2: a path, option or definition that the user can correct
    │   ├── FormatError      a log format definition is not usable
    │   └── RuleError        a rule definition is not usable
    ├── SourceError          exit 3: no source could be read
    ├── ConservationError    exit 3: a line of a source is neither in an event nor blank
    ├── SecretError          exit 3: a document that is to be written holds a secret
    ├── QueryError           exit 3: a query could not be ordered, bound or run
    ├── StoreError           exit 3: a store is damaged, or cannot be written
    ├── LockedError          exit 75: another run holds the store
    └── UndecidableError     exit 4: no verdict is possible on this input

A message says what and where, *hint* says what to do. Bugs stay tracebacks.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process's exit status means; the same for every output format."""

    NORMAL = 0
    REGRESSION = 1
    USAGE = 2
    FAILED = 3
    CANNOT_DECIDE = 4
    LOCKED = 75
    INTERRUPTED = 130


class PipelineError(Exception):
    """Base of the errors a user can act on; *hint* says how."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(PipelineError):
    """What was asked for cannot be done as asked: a path, an option, a definition."""

    exit_code = ExitCode.USAGE


class FormatError(UsageError):
    """A log format definition is not usable."""


class RuleError(UsageError):
    """A rule definition is not usable."""


class SourceError(PipelineError):
    """No source could be read, or one could not and ``--strict`` was given."""


class ConservationError(PipelineError):
    """Lines of a source are neither in an event nor blank: the numbers cannot be trusted."""


class SecretError(PipelineError):
    """A finished document holds what nothing but a secret looks like; it is not written."""


class QueryError(PipelineError):
    """A query could not be ordered, bound or run."""


class StoreError(PipelineError):
    """A store is damaged, which no run may use, or cannot be written."""


class LockedError(PipelineError):
    """Another run holds the lock of the store."""

    exit_code = ExitCode.LOCKED


class UndecidableError(PipelineError):
    """No verdict is possible: windows overlap or are empty, or nothing was parsed."""

    exit_code = ExitCode.CANNOT_DECIDE
