"""One card for each class that rose, with all that the logs tell of it."""

from collections.abc import Iterable
from datetime import date, datetime

from pipeline.model import (
    Confidence,
    Correlate,
    Finding,
    HypothesisCheck,
    Knowledge,
    Sample,
    SignCheck,
)
from pipeline.render.context.basis import Basis, excluded, tone_of
from pipeline.render.figures import (
    TIMES,
    count,
    duration,
    many,
    moment,
    percent,
    rate,
    ratio,
)
from pipeline.render.happenings import before_words
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import (
    CandidateView,
    CommandView,
    HypothesisView,
    KnowledgeView,
    Link,
    SampleView,
    SignView,
)
from pipeline.render.words import (
    STANDING_WORDS,
    has_baseline,
    lifecycle_words,
    name_of,
    path_tail,
    place_of,
    ramp_words,
    ratio_bounds,
    state_of,
)


def intro(basis: Basis) -> str:
    """Say what the cards are."""
    if basis.regressions:
        return (
            "One card for each class that rose, earliest first where that can be told. A class is "
            "at most the first failure seen here; what made it fail lies outside of its own lines."
        )
    if basis.risen:
        return (
            "Nothing is confirmed. One card for each class whose rise is suspected only, and "
            "for warnings that rose; these decide nothing."
        )
    if basis.cards:
        return "Nothing could be compared. One card for each class of errors, as it is."
    return ""


def candidate_views(basis: Basis) -> list[CandidateView]:
    """Return the cards in order of appearance."""
    return [_candidate(basis, at, one) for at, one in enumerate(basis.cards, start=1)]


def _told_before(basis: Basis, one: Finding) -> Link | None:
    """Return the earlier card with the same knowledge: it is told once."""
    if one.knowledge is None:
        return None
    for other in basis.cards[: basis.cards.index(one)]:
        if other.knowledge and other.knowledge.knowledge_id == one.knowledge.knowledge_id:
            return basis.link(other.finding_id)
    return None


def _candidate(basis: Basis, number: int, one: Finding) -> CandidateView:
    told, caps = _told_before(basis, one), basis.caps
    return CandidateView(
        anchor=basis.anchors[one.finding_id],
        number=number,
        name=Untrusted(name_of(one)),
        title=Untrusted("" if one.title == name_of(one) else one.title),
        state=state_of(one),
        tone=tone_of(one),
        position=_position(basis, one),
        template=Untrusted(one.template or ""),
        seen=_seen_words(one),
        over_runs=Untrusted(lifecycle_words(one)),
        rates=f"{rate(one.baseline_rate)} → {rate(one.candidate_rate)} per hour{_per(one)}",
        significance=_significance(one),
        spacing=_spacing(one),
        onset=_onset_words(one),
        service_order=Untrusted(_service_order(one)),
        ramp=ramp_words(one),
        left_out=[excluded(at) for at in one.baseline_excluded],
        services=[
            Untrusted(
                f"{service.service_name}: {count(service.baseline_count)} → "
                f"{count(service.candidate_count)} events"
            )
            for service in sorted(one.services, key=lambda at: -at.candidate_count)[:8]
        ],
        location=Untrusted(place_of(one)),
        location_share=percent(one.code_location.share) if one.code_location else "",
        correlates=[Untrusted(_correlate(at)) for at in one.correlates[:8]],
        samples=[_sample(at, caps.sample_characters) for at in one.samples[: caps.samples]],
        changes=[Untrusted(text) for text in before_words(basis.result, one)],
        knowledge=_knowledge(one.knowledge) if told is None else None,
        knowledge_at=told,
        hypotheses=_hypotheses(one.knowledge, is_first=told is None),
        keys=basis.keys(one),
    )


def _position(basis: Basis, one: Finding) -> str:
    """Say where in the chain the finding stands, never that it is the cause."""
    if one.finding_id in basis.result.chain.first_failures:
        return "first failure: no other regression precedes it here"
    node_ids = {
        node.node_id for node in basis.result.chain.nodes if node.finding_id == one.finding_id
    }
    if not one.is_regression:
        return "not a confirmed regression"
    before = [edge for edge in basis.result.chain.edges if edge.target in node_ids]
    return "follows another" if before else "order unknown"


# ---- the rest


def _seen_words(one: Finding) -> str:
    before = count(one.baseline_count) if has_baseline(one) else "no number known"
    text = f"{many(one.candidate_count, 'time')}, {before} in the baseline"
    if one.expected_count is not None and one.baseline_count:
        text += f"; {rate(one.expected_count)} expected"
    text += f". First {moment(one.first_seen)}, last {moment(one.last_seen)} UTC"
    return text + (", still going on at the end of the data" if one.is_ongoing else "")


def _per(one: Finding) -> str:
    return _PER.get(one.compared_per or "", "")


_PER = {
    "requests": ", compared per request",
    "events": ", compared per other event of the service",
    "hour_of_day": ", compared with the same hours of other days",
    "hour_of_week": ", compared with the same hours of other weeks",
}


def _significance(one: Finding) -> str:
    parts = []
    if one.rate_ratio is not None:
        parts.append(f"{TIMES} {ratio(one.rate_ratio)}")
    bounds = ratio_bounds(one)
    if bounds:
        parts.append(f"95 % interval of the ratio: {bounds}")
    if one.q_value is not None:
        parts.append(f"q {_small(one.q_value)}")
    if one.confidence is not Confidence.NONE:
        parts.append(one.confidence.value)
    return "; ".join(parts)


def _small(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"= {value:.2g}"


def _spacing(one: Finding) -> str:
    at = one.interarrival_seconds
    if at is None:
        return ""
    return (
        f"median {duration(at.p50)}; 10 % within {duration(at.p10)}, 90 % within {duration(at.p90)}"
    )


def _onset_words(one: Finding) -> str:
    if one.onset is None:
        return ""
    others = [at for at in (one.onset_lower, one.onset_upper, one.first_after_onset) if at]
    is_one_day = {at.date() for at in others} <= {one.onset.date()}
    shown = [f"{at:%H:%M:%S}" if is_one_day else moment(at) for at in others]
    text = f"about {moment(one.onset)} UTC"
    if one.onset_lower is not None and one.onset_upper is not None:
        text += f" (95 % interval {shown[0]} to {shown[1]})"
    if one.first_after_onset is None:
        return text
    return f"{text}; first line at or after it {shown[-1]}"


def _service_order(one: Finding) -> str:
    """Say in which services it rose first, next and so on, as far as their intervals tell."""
    dated = sorted(
        (at.onset_lower, at.onset, at.onset_upper, at.service_name)
        for at in one.services
        if at.onset is not None and at.onset_lower is not None and at.onset_upper is not None
    )
    if len(dated) < 2:
        return ""
    is_one_day = len({at.date() for times in dated for at in times[:3]} | _days(one.onset)) == 1
    steps: list[list[str]] = []
    until = dated[0][0]
    for lower, begun, upper, name in dated:
        if not steps or lower > until:
            steps.append([])
        times = [f"{at:%H:%M:%S}" if is_one_day else moment(at) for at in (begun, lower, upper)]
        steps[-1].append(f"{name} {times[0]} ({times[1]} to {times[2]})")
        until = max(until, upper)
    if len(steps) == 1:
        return f"order cannot be told, the 95 % intervals overlap: {'; '.join(steps[0])}"
    said = [
        " and ".join(step) + (" (which of these is first cannot be told)" if step[1:] else "")
        for step in steps
    ]
    return f"first in {', then in '.join(said)}; in brackets 95 % intervals"


def _days(at: datetime | None) -> set[date]:
    return set() if at is None else {at.date()}


def _correlate(one: Correlate) -> str:
    usual = [
        f"{percent(share)} {where}"
        for share, where in (
            (one.baseline_share, "in the baseline"),
            (one.other_share, "of what else was logged"),
        )
        if share is not None
    ]
    against = f", against {' and '.join(usual)}" if usual else ""
    return f"{one.kind} {one.value}: {percent(one.share)} of the events{against}"


def _sample(one: Sample, limit: int) -> SampleView:
    return SampleView(
        place=Untrusted(
            f"{path_tail(one.log_file_path)}:{one.line_number}@{one.byte_offset}{_seal(one)}"
        ),
        time=f"{moment(one.timestamp)} UTC" if one.timestamp else "no time",
        service=Untrusted(one.service_name),
        body=Untrusted(_without_middle(one.body, limit)),
    )


# So many digits tell one line from another in one report; the whole hash is in `result.json`.
_HASH_DIGITS = 12


def _seal(one: Sample) -> str:
    """Return the beginning of the hash of a sample's bytes, where they have one."""
    return f" #{one.segment_hash[:_HASH_DIGITS]}" if one.segment_hash else ""


def _without_middle(text: str, limit: int) -> str:
    """Shorten to about *limit* characters at ends of lines: traces say what failed first or last.

    The last two thirds stay, since most languages print the error and its own frames there.
    """
    if len(text) <= limit:
        return text
    head = text[: limit // 3].rsplit("\n", 1)[0]
    tail = text[-(2 * limit // 3) :]
    tail = tail.partition("\n")[2] if "\n" in tail[: limit // 3] else tail
    return f"{head}\n… middle left out …\n{tail}"


def _knowledge(one: Knowledge | None) -> KnowledgeView | None:
    if one is None:
        return None
    return KnowledgeView(
        knowledge_id=Untrusted(one.knowledge_id),
        title=Untrusted(one.title),
        mechanism=Untrusted(one.mechanism),
        check_first=_all(one.check_first),
        remedy=_all(one.remedy),
        verify=_all(one.verify),
        references=_all(one.references),
        reviewed=Untrusted(one.reviewed),
        applies_to=Untrusted(one.applies_to),
        opened=Untrusted(one.opened),
        commands=[
            CommandView(Untrusted(at.run), Untrusted(at.where), Untrusted(at.ran_with or ""))
            for at in one.commands
        ],
    )


_TONES = {"supported": "warn", "refuted": "ok"}


def _hypotheses(one: Knowledge | None, *, is_first: bool) -> list[HypothesisView]:
    """Return what this input says to each hypothesis; without checks, the hypotheses alone.

    Cards after the first of the same entry only have those that the input says something to.
    """
    if one is None:
        return []
    checks = one.hypothesis_checks or [
        HypothesisCheck(text, "not_known", [], "", "not looked into: it did not rise")
        for text in one.hypotheses
    ]
    return [
        HypothesisView(
            text=Untrusted(at.hypothesis),
            status=STANDING_WORDS[at.status],
            tone=_TONES.get(at.status, "plain"),
            reason=Untrusted(at.reason),
            refuted_if=Untrusted(at.refuted_if if is_first else ""),
            signs=[_sign(sign) for sign in at.signs],
        )
        for at in checks
        if is_first or at.status not in ("not_seen", "not_known")
    ]


def _sign(one: SignCheck) -> SignView:
    return SignView(
        kind="against it" if one.is_against else "for it",
        looked_for=Untrusted(one.looked_for),
        text=Untrusted(one.text),
        place=Untrusted(f"{path_tail(one.log_file_path)}:{one.line_number}")
        if one.log_file_path
        else Untrusted(""),
        query_id=one.query_id or "",
    )


def _all(texts: Iterable[str]) -> list[Untrusted]:
    return [Untrusted(text) for text in texts]
