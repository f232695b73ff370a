"""Counts to findings: is a class more frequent than it was, and since when.

Arrays and tables in, values out; no files, no clock. `rates` is the entry, `compare` the test,
`seasons` what is normal at an hour, `storms` the guard against floods, `audit` that against a
baseline which is not normal, `restarts` what comes with every start; `ramps` finds what grows too
slowly for two windows, `onset` the start, `recovery` what a mended system may still count,
`lags` whether one class follows another and `kernels` which of several does so itself;
`intervals` and `distributions` do the arithmetic; `calibrate` tells what all that does on
somebody's own counts.
"""

from pipeline.detection.audit import EVERY_CLASS, audit_baseline, cut_out, with_known
from pipeline.detection.calibrate import Counts, calibrate_counts
from pipeline.detection.compare import DetectionSettings
from pipeline.detection.intervals import rate_ratio_interval
from pipeline.detection.lags import find_lags
from pipeline.detection.onset import find_onset, refine_onset
from pipeline.detection.ramps import find_ramps
from pipeline.detection.rates import detect, expected_band
from pipeline.detection.recovery import (
    chance_of_fewer,
    count_level,
    find_limits,
    most_explained,
    share_level,
)
from pipeline.detection.restarts import find_restart_errors
from pipeline.detection.storms import cap_storms

__all__ = [
    "EVERY_CLASS",
    "Counts",
    "DetectionSettings",
    "audit_baseline",
    "calibrate_counts",
    "cap_storms",
    "chance_of_fewer",
    "count_level",
    "cut_out",
    "detect",
    "expected_band",
    "find_lags",
    "find_limits",
    "find_onset",
    "find_ramps",
    "find_restart_errors",
    "most_explained",
    "rate_ratio_interval",
    "refine_onset",
    "share_level",
    "with_known",
]
