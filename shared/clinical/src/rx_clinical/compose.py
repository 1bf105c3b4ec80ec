"""Puts findings together: identity, basis, reasons that every family shares."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from rx_clinical.catalogue import Catalogue
from rx_clinical.chart import Entry
from rx_clinical.facts import Fact, Fill
from rx_clinical.findings import ArithmeticLine, Basis, Display, Finding, NoStartTime, Severity
from rx_clinical.interacting import Prolonger
from rx_clinical.picture import Reach
from rx_clinical.reasons import Reason
from rx_clinical.roles import Antagonist, Opioid
from rx_clinical.spans import Event, Span
from rx_clinical.texts import days_text, line_text, utc_text
from rx_clinical.windows import FOREVER, hours, plain

LISTED_OF_A_MEDICINE = 10
"""Facts named of one medicine: a year of daily dispensing would make every finding as long as the history."""


def finding_id(rule: str, anchor_key: bytes, counterpart_key: tuple[str, str]) -> bytes:
    """128-bit identity: BLAKE2b over rule, anchor, and ingredient and form of the counterpart."""
    named = b"\0".join((rule.encode(), anchor_key, *(part.encode() for part in counterpart_key)))
    return blake2b(named, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Resting:
    """An entry that a finding rests on, in its role."""

    role: str
    name: str
    form_key: str | None
    entry: Entry


def resting_on_opioid(opioid: Opioid, span: Span) -> list[Resting]:
    """The entries of an exposure."""
    return [Resting("opioid", opioid.name, opioid.form.form_key, entry) for entry in span.entries]


def resting_on_antagonist(antagonist: Antagonist, entries: Iterable[Entry]) -> list[Resting]:
    """The entries of an antagonist course."""
    return [Resting("antagonist", antagonist.name, antagonist.form_key, entry) for entry in entries]


def resting_on_prolongers(prolongers: Iterable[Prolonger]) -> list[Resting]:
    """The entries of interacting medicines that count."""
    return [
        Resting("interacting", prolonger.interaction.name, None, entry)
        for prolonger in prolongers
        for entry in prolonger.span.entries
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a rule decided; `finding` adds what follows from it."""

    rule: str
    anchor: Event
    counterpart: str | None = None
    counterpart_key: tuple[str, str] = ("", "")  # ingredient and form; two opioids of unknown form differ in it
    severity: Severity
    display: Display
    reasons: frozenset[Reason]
    active_from: datetime
    start: datetime | None  # earliest start; FOREVER = none can be given; None = the rule has none
    ends_at: datetime | None
    sentences: Sequence[str]
    actions: Sequence[str]
    reaches: Sequence[Reach] = ()
    judged_at: datetime | None = None  # the time that the reaches are judged at
    resting: Sequence[Resting]
    sources: Iterable[str] = ()
    evidence_level: str = ""


def finding(draft: Draft, catalogue: Catalogue) -> Finding:
    """The finding of a draft."""
    rule = catalogue.rules[draft.rule]
    resting = _once(draft.resting)
    reasons = draft.reasons | _shared_reasons(draft, resting)
    anchor = draft.anchor.entry.fact
    start = None if draft.start in (None, FOREVER) else draft.start
    return Finding(
        finding_id=finding_id(draft.rule, anchor.key, draft.counterpart_key),
        rule=draft.rule,
        family=rule.family,
        severity=draft.severity,
        display=draft.display,
        reason_codes=tuple(sorted(reasons)),
        anchor_key=anchor.key,
        anchor_event_id=anchor.event_id,
        anchor_source=anchor.source,
        counterpart=draft.counterpart,
        active_from=draft.active_from,
        earliest_start_time=start,
        no_start_time_reason=_no_start(draft),
        ends_at=None if draft.ends_at == FOREVER else draft.ends_at,
        urgency=draft.anchor.urgency,
        requires_confirmation=False,
        text=" ".join(draft.sentences),
        recommended_actions=(*draft.actions, *_actions(rule.recommended_action)),
        arithmetic=tuple(arithmetic_line(reach, draft.judged_at) for reach in draft.reaches if draft.judged_at),
        evidence_level=draft.evidence_level or _evidence_level(draft.reaches),
        assumptions=(*_assumptions(draft, reasons, catalogue), *_unlisted(resting)),
        sources=_sources(draft, rule.sources),
        basis=tuple(basis for one in _listed(resting) for basis in _basis(one)),
    )


def _no_start(draft: Draft) -> NoStartTime | None:
    if draft.start is None:
        return NoStartTime.NOT_APPLICABLE
    return NoStartTime.ONGOING_NO_END if draft.start == FOREVER else None


def _shared_reasons(draft: Draft, resting: Sequence[Resting]) -> set[Reason]:
    """A date without clock time in the basis; a fact recorded after the anchor's latest step."""
    own = {step.key for step in draft.anchor.entry.steps}
    decided = (draft.anchor.entry.handed_over or draft.anchor.entry.fact).recorded_at
    facts = [fact for one in resting for fact in one.entry.steps]
    reasons = set()
    if any(moment.imprecise for fact in facts for moment in fact.moments):
        reasons.add(Reason.TIME_IMPRECISE)
    if any(fact.recorded_at > decided for fact in facts if fact.key not in own):
        reasons.add(Reason.RE_EVALUATED_LATE_EVENT)
    return reasons


def _once(resting: Iterable[Resting]) -> list[Resting]:
    unique = {(one.role, one.entry.order, one.name): one for one in resting}
    return [unique[key] for key in sorted(unique)]


def _chains(resting: Iterable[Resting]) -> list[list[Resting]]:
    """What rests on one medicine in one role, in tie order."""
    chains: dict[tuple[str, str], list[Resting]] = {}
    for one in resting:
        chains.setdefault((one.role, one.name), []).append(one)
    return list(chains.values())


def _listed(resting: Sequence[Resting]) -> list[Resting]:
    """The first and the newest of each medicine; the arithmetic says what the others add up to."""
    return [one for chain in _chains(resting) for one in chain[:1] + chain[1:][1 - LISTED_OF_A_MEDICINE :]]


def _unlisted(resting: Sequence[Resting]) -> list[str]:
    return [
        f"{len(chain) - LISTED_OF_A_MEDICINE} more facts about {chain[0].name} count and are not listed"
        for chain in _chains(resting)
        if len(chain) > LISTED_OF_A_MEDICINE
    ]


def _basis(one: Resting) -> list[Basis]:
    fact = one.entry.fact
    rx_number = fact.rx_number if isinstance(fact, Fill) else None
    fill_number = fact.fill_number if isinstance(fact, Fill) else None
    return [_basis_of(one, step, rx_number, fill_number) for step in one.entry.steps]


def _basis_of(one: Resting, fact: Fact, rx_number: str | None, fill_number: str | None) -> Basis:
    return Basis(
        role=one.role,
        key=fact.key,
        event_id=fact.event_id,
        source=fact.source,
        site=fact.site,
        name=one.name,
        form_key=one.form_key,
        rx_number=rx_number,
        fill_number=fill_number,
    )


def arithmetic_line(reach: Reach, at: datetime) -> ArithmeticLine:
    """The window of an exposure in numbers, judged at a time."""
    span, window = reach.span, reach.window
    documented_end = None if span.documented_end == FOREVER else span.documented_end
    return ArithmeticLine(
        ingredient=reach.opioid.name,
        form_key=reach.opioid.form.form_key,
        supply_end=documented_end,
        possible_end=None if span.possible_end == FOREVER else span.possible_end,
        label_interval_h=plain(window.label_interval_h),
        half_life_high_h=plain(window.half_life_high_h),
        multiplier=plain(window.multiplier),
        hard_window_h=hours(window.hard),
        policy_window_h=hours(window.policy),
        elapsed_h=None if documented_end is None else hours(at - documented_end),
        text=line_text(reach, at),
    )


def _evidence_level(reaches: Sequence[Reach]) -> str:
    levels = {prolonger.interaction.evidence_level for reach in reaches for prolonger in reach.prolongers}
    return "; ".join(sorted(levels or {reach.opioid.form.verification for reach in reaches})) or "POLICY"


def _sources(draft: Draft, of_rule: tuple[str, ...]) -> tuple[str, ...]:
    sources = {*of_rule, *draft.sources}
    for reach in draft.reaches:
        sources.update(reach.opioid.form.sources)
        for prolonger in reach.prolongers:
            sources.update(prolonger.interaction.sources)
    return tuple(sorted(sources))


def _actions(recommended: str) -> list[str]:
    return [part[0].upper() + part[1:] for text in recommended.split("; ") if (part := text.strip())]


def _assumptions(draft: Draft, reasons: frozenset[Reason], catalogue: Catalogue) -> tuple[str, ...]:
    policy = catalogue.policy
    texts = {
        Reason.SUPPLY_END_ASSUMED: (
            f"taken as needed or without days supply: at least {days_text(policy.assumed_supply)} days assumed"
        ),
        Reason.UNFILLED_PRESCRIPTION: (
            "ordered without a fill seen: it may have been filled elsewhere; without a recorded end it stays possible "
            f"for {days_text(policy.order_open)} days"
        ),
        Reason.ADMINISTRATION_UNCONFIRMED: (
            f"depot dispensed without an injection seen: it may follow within {days_text(policy.depot_injection)} days"
        ),
        Reason.ONGOING_NO_END: "use without a recorded stop and an implant without a recorded removal count as ongoing",
        Reason.TIME_IMPRECISE: (
            "a date without clock time counts to the end of the day for supplies and from its start for antagonists"
        ),
        Reason.DOSE_UNKNOWN: "antagonist dose missing: treated as a standard dose",
    }
    said = [text for reason, text in texts.items() if reason in reasons]
    if draft.start not in (None, FOREVER) and not draft.anchor.time.zone:
        said.append("dates are shown in UTC: the event states no local zone")
    for prolonger in {id(p): p for reach in draft.reaches for p in reach.prolongers}.values():
        interaction = prolonger.interaction
        said.append(
            f"{interaction.name} counts from {utc_text(prolonger.span.begin.earliest)}"
            + ("" if prolonger.active_until == FOREVER else f" to {utc_text(prolonger.active_until)}")
        )
    return tuple(dict.fromkeys(said))
