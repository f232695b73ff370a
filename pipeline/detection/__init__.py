"""Counts to findings: is a class more frequent than it was, and since when.

Arrays and tables in, values out; no files, no clock. `rates` is the entry, `compare` the test, `storms` the
guard against floods, `onset` the start, `distributions` the tail probabilities.
"""

from pipeline.detection.compare import DetectionSettings
from pipeline.detection.onset import find_onset, refine_onset
from pipeline.detection.rates import detect
from pipeline.detection.storms import cap_storms

__all__ = ["DetectionSettings", "cap_storms", "detect", "find_onset", "refine_onset"]
