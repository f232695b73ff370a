"""Words that several kinds of evidence share."""


def percent(share: float) -> str:
    """Return a share as a whole percentage, or what it is below or above."""
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %"


def seconds(value: float) -> str:
    """Return a lag that is one of few fixed ones."""
    return f"{value:g} s"


def in_baseline(share: float | None, count: int, noun: str) -> str:
    """Say what the same question gives in the baseline."""
    if share is None:
        few = f"only {count:,}" if count else "none"
        return f"the baseline cannot say: it has {few} of the later's {noun}"
    return f"in the baseline {percent(share)} of {count:,} {noun}"
