"""The order of the stages: read, mine, classify, count, test, explain, render.

Only here do the stages meet; each of them knows nothing of the others. This is also the only
package that asks for the clock, and hands it on. One module a use: `runs` (analyze, ingest, render
again), `metering` (how a run went), `scheduling` (runs by themselves), `captured` (what lies beside
the logs), `calibration`, `demonstration`, `rulebook`; of a finished run `asking` (SQL), `showing`
(one finding), `comparison` (with another run), `verification` (its success criteria on later logs),
`evidence` (samples found again; `sealing` hashes them) and `checking` (all computed again); of a
store `keeping` (a run on it), `remembering` (what is said of findings), `intake` (what is new, into
it), `history` (what it holds of a stretch of time), `trends` (its days and runs), `backtesting`
(its past judged again) and `upkeep`. What they share is in `reading` (logs to tables), `templates`
(their book), `windows` (which stretches are compared), `borders` (hours cut at theirs), `trial`
(counts to verdicts and onsets) and `examination` (tables to the result).
"""

from pipeline.orchestrate.asking import open_console
from pipeline.orchestrate.backtesting import backtest
from pipeline.orchestrate.calibration import calibrate
from pipeline.orchestrate.captured import collect_facts, planned_commands
from pipeline.orchestrate.checking import check_report
from pipeline.orchestrate.comparison import diff, difference_code
from pipeline.orchestrate.demonstration import demo, write_later
from pipeline.orchestrate.evidence import verify_evidence
from pipeline.orchestrate.keeping import ingest_kept
from pipeline.orchestrate.metering import metered
from pipeline.orchestrate.notifying import Alerts, alerts_of, send_test, tell_people, watched
from pipeline.orchestrate.reading import Ledger
from pipeline.orchestrate.remembering import remembered_finding, remembered_findings, say_of
from pipeline.orchestrate.runs import analyze, exit_code, ingest, render_again, write_junit
from pipeline.orchestrate.scheduling import watch, write_setup
from pipeline.orchestrate.showing import show
from pipeline.orchestrate.trends import store_history, trend, write_index
from pipeline.orchestrate.upkeep import (
    check_store,
    compact_store,
    export_store,
    prune_store,
    store_facts,
)
from pipeline.orchestrate.verification import default_run, verification_code, verify

__all__ = [
    "Alerts",
    "Ledger",
    "alerts_of",
    "analyze",
    "backtest",
    "calibrate",
    "check_report",
    "check_store",
    "collect_facts",
    "compact_store",
    "default_run",
    "demo",
    "diff",
    "difference_code",
    "exit_code",
    "export_store",
    "ingest",
    "ingest_kept",
    "metered",
    "open_console",
    "planned_commands",
    "prune_store",
    "remembered_finding",
    "remembered_findings",
    "render_again",
    "say_of",
    "send_test",
    "show",
    "store_facts",
    "store_history",
    "tell_people",
    "trend",
    "verification_code",
    "verify",
    "verify_evidence",
    "watch",
    "watched",
    "write_index",
    "write_junit",
    "write_later",
    "write_setup",
]
