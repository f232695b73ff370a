"""What in the input itself may fake a rise: looked for before the verdict, and tested like it.

A doubt names an artefact (lines shipped twice, a level renamed, one failure logged twice …) and,
where it may explain the rise of a class, how often that class would have been counted without it.
The same rate test then judges these counts. Only when they did not rise is the rise an artefact; a
real rise beside one stays what it is. What is not tested is reported and explains nothing.

One module a kind of artefact: how it is found, and how it is said. `kinds` has them all.
"""

from pipeline.diagnosis.premises.facts import Ask, facts_of
from pipeline.diagnosis.premises.kinds import find_doubts
from pipeline.diagnosis.premises.settling import (
    by_time_alone,
    recounted,
    rounds,
    settle,
    with_verdicts,
)

__all__ = [
    "Ask",
    "by_time_alone",
    "facts_of",
    "find_doubts",
    "recounted",
    "rounds",
    "settle",
    "with_verdicts",
]
