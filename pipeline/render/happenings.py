"""Changes of the system in words: what each was, and what it has to do with what came after it."""

from datetime import datetime

from pipeline.model import Change, ChangeBefore, Finding, Result
from pipeline.render.figures import count, duration, many, moment
from pipeline.render.words import earliest_onset, regressions_of

MOST_BEFORE = 5
_TEXT_CHARACTERS = 160
# What the user calls all services (`diagnosis/changes.py`).
_EVERYWHERE = "*"


def kind_words(one: Change) -> str:
    """Return the kind as the report writes it: ``crash loop``."""
    return one.kind.replace("_", " ")


def change_words(one: Change, characters: int = _TEXT_CHARACTERS) -> str:
    """Return what a change was: its text, versions, and how often and in which steps it came."""
    parts = [one.text if len(one.text) <= characters else one.text[: characters - 1] + "…"]
    if one.kind == "deploy" and one.previous_version and one.version:
        parts.append(f"version {one.previous_version}, then {one.version}")
    if one.event_count > 1:
        every = f", usually {duration(one.period_seconds)} apart" if one.period_seconds else ""
        until = f", last {moment(one.last_timestamp)} UTC" if one.last_timestamp else ""
        parts.append(f"{count(one.event_count)} times{every}{until}")
    return "; ".join(part for part in parts if part)


def service_words(one: Change) -> str:
    """Return whom a change concerns."""
    name = "all services" if one.service_name == _EVERYWHERE else one.service_name
    what = one.subject or one.container_name
    return f"{name} ({what})" if what and what not in name else name


def before_words(result: Result, finding: Finding) -> list[str]:
    """Return what changed before a class rose, those of its own services first; never as a cause.

    One line says so where nothing did, or where it is not known when it rose.
    """
    if finding.onset is None:
        return ["not known, since it is not known when it began"]
    by_id = {one.change_id: one for one in result.changes}
    told = [(by_id[one.change_id], one) for one in finding.changes_before if one.change_id in by_id]
    lines = [_before(change, one, finding.onset) for change, one in told[:MOST_BEFORE]]
    more = len(finding.changes_before) - len(lines)
    return [*lines, f"and {more:,} more"] if more else lines


def _before(change: Change, one: ChangeBefore, onset: datetime) -> str:
    where = "" if one.is_same_service else ", another service"
    what = f"{kind_words(change)}: {change_words(change, 100)}"
    given = " (given by the user)" if change.is_given else ""
    head = f"{moment(change.timestamp)} UTC, {service_words(change)}{where}: {what}{given}"
    return f"{head}. The class came {_after(one)}; {_usual(one)}"


def _after(one: ChangeBefore) -> str:
    if one.is_order_known:
        return f"{duration(one.seconds_before)} after it"
    return "within minutes of it, and which was first cannot be told"


def _usual(one: ChangeBefore) -> str:
    """Say whether the class followed the same change when all was well."""
    if not one.baseline_count:
        return "the baseline has no such change"
    followed = one.baseline_followed_count
    times = many(one.baseline_count, "time")
    if not followed:
        return f"the baseline has it {times}, without the class in the half hour after"
    return f"the baseline has it {times}, and the class after {followed:,} of them"


def summary_words(result: Result) -> str:
    """Return one sentence on what changed before the first rise, or that nothing is known to have;
    empty where nothing rose.
    """
    onset = earliest_onset(result)
    found = [one for one in regressions_of(result) if one.onset is not None]
    if onset is None or not found or result.change_search is None:
        return ""
    # The chain knows the order from single events; an onset is an estimate.
    failed_first = set(result.chain.first_failures)
    first = min(
        found,
        key=lambda one: (one.finding_id not in failed_first, one.onset or onset, one.finding_id),
    )
    by_id = {one.change_id: one for one in result.changes}
    told = [one for one in first.changes_before if one.change_id in by_id]
    if not told:
        return f"No change event in the input in the half hour before it ({looked_words(result)})."
    one, change = told[0], by_id[told[0].change_id]
    other = "" if one.is_same_service else ", another service"
    more = f", and {len(told) - 1:,} more" if len(told) > 1 else ""
    what = f"{kind_words(change)} of {service_words(change)}{other}"
    when = f"{moment(change.timestamp)} UTC{more}; the rise came {_after(one)}, which is no proof"
    return f"{_capital(what)}, {when}. {_capital(_usual(one))}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def looked_words(result: Result) -> str:
    """Say how changes were looked for."""
    search = result.change_search
    if search is None:
        return "changes were not looked for"
    return f"{many(search.sign_count, 'sign')} of changes were looked for in every line"


def nothing_words(result: Result) -> str:
    """Say that no change is known, and what that means."""
    return (
        f"No change event in the input: {looked_words(result)}. What leaves no such line, or was "
        "logged elsewhere, is not known; --event names it."
    )


def foremost(result: Result, most: int) -> list[Change]:
    """Return at most *most* changes in order of time; those before an error where room is short."""
    named = {one.change_id for finding in result.findings for one in finding.changes_before}
    ranked = sorted(result.changes, key=lambda one: one.change_id not in named)[:most]
    return [one for one in result.changes if one in ranked]
