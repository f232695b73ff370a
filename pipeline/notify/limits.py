"""What a delivery may cost, and how a try fails; what sends is imported when it is needed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one delivery may cost; the times are those of a person who waits for a cron job.

    *connect_seconds*: of one attempt to connect, and of one wait for the next byte.
    *total_seconds*: of all tries together. *pause_seconds*: before the second try, doubled before
    each further one. *most_answer_bytes*: of what is read of an answer.
    """

    connect_seconds: float = 5.0
    total_seconds: float = 20.0
    tries: int = 3
    pause_seconds: float = 1.0
    most_answer_bytes: int = 2048


class FailedTry(Exception):
    """One try failed, for the reason that the message gives; *is_worth_another* after a pause."""

    def __init__(self, text: str, *, is_worth_another: bool, answer: str = "") -> None:
        super().__init__(text)
        self.is_worth_another = is_worth_another
        self.answer = answer
