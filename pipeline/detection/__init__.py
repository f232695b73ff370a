"""Counts to findings: is a class more frequent than it was, and since when.

Arrays and tables in, values out; no files, no clock. `rates` is the entry, `compare` the test,
`storms` the guard against floods, `onset` the start; `intervals` and `distributions` do the
arithmetic.
"""

from pipeline.detection.compare import DetectionSettings
from pipeline.detection.intervals import rate_ratio_interval
from pipeline.detection.onset import find_onset, refine_onset
from pipeline.detection.rates import detect, expected_band
from pipeline.detection.storms import cap_storms

__all__ = [
    "DetectionSettings",
    "cap_storms",
    "detect",
    "expected_band",
    "find_onset",
    "rate_ratio_interval",
    "refine_onset",
]
