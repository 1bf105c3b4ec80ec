"""Renders decisions as findings: identity, basis, and the parts that all families share."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Antagonist, Opioid
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.wording import days_text, line_text, utc_text
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.history.half_life_modifiers import Precipitant
from rx_clinical.history.washout_window import WashoutWindow
from rx_clinical.model.facts import Fact, Fill
from rx_clinical.model.findings import ArithmeticLine, Basis, BasisRole, Finding, NoStartTime
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, hours, later, plain

LISTED_OF_A_MEDICINE = 10
"""Facts listed for one medicine: after a year of daily dispensing a finding would be as long as the history."""

_WINDOW_FAMILIES = frozenset({"withdrawal", "blockade"})
_HISTORY_RULES = frozenset({"LD-01"})  # in addition to the window families


def finding_id(rule: str, anchor_key: bytes, counterpart_key: tuple[str, str]) -> bytes:
    """Return the 16-byte id: BLAKE2b-128 of rule, anchor, and ingredient and form of the counterpart."""
    named = b"\0".join((rule.encode(), anchor_key, *(part.encode() for part in counterpart_key)))
    return blake2b(named, digest_size=16).digest()


def opioid_basis(opioid: Opioid, period: ExposurePeriod) -> list[BasisItem]:
    """Return the basis of an opioid exposure."""
    return [
        BasisItem(BasisRole.OPIOID, opioid.name, opioid.form.form_key, entry, opioid.masked) for entry in period.entries
    ]


def antagonist_basis(antagonist: Antagonist, entries: Iterable[Entry]) -> list[BasisItem]:
    """Return the basis of an antagonist exposure."""
    return [BasisItem(BasisRole.ANTAGONIST, antagonist.name, antagonist.form_key, entry) for entry in entries]


def precipitant_basis(precipitants: Iterable[Precipitant]) -> list[BasisItem]:
    """Return the basis of the precipitants that count."""
    return [
        BasisItem(BasisRole.PRECIPITANT, precipitant.interaction.name, None, entry)
        for precipitant in precipitants
        for entry in precipitant.period.entries
    ]


def finding(decision: Decision, context: RuleContext) -> Finding:
    """Return the finding of a decision, with its texts."""
    explanation = decision.explain()
    rule = context.catalogue.rules[decision.rule]
    basis = _unique(explanation.basis)
    reasons = {*explanation.reasons, *_shared_reasons(decision, rule.family, basis, context)}
    anchor = decision.anchor.entry.fact
    return Finding(
        finding_id=finding_id(decision.rule, anchor.key, decision.counterpart_key),
        rule=decision.rule,
        family=rule.family,
        severity=decision.severity,
        display=decision.display,
        reason_codes=tuple(sorted(reasons)),
        anchor_key=anchor.key,
        anchor_event_id=anchor.event_id,
        anchor_source=anchor.source,
        counterpart=decision.counterpart,
        active_from=decision.active_from,
        earliest_start_time=None if decision.start in (None, FOREVER) else decision.start,
        no_start_time_reason=_no_start(decision),
        ends_at=None if decision.ends_at == FOREVER else decision.ends_at,
        urgency=decision.anchor.urgency,
        requires_confirmation=decision.requires_confirmation,
        text=" ".join(explanation.sentences),
        recommended_actions=(*explanation.actions, *_actions(rule.recommended_action)),
        arithmetic=tuple(
            arithmetic_line(window, explanation.judged_at) for window in explanation.windows if explanation.judged_at
        ),
        max_bud=decision.max_bud,
        max_days_supply=decision.max_days_supply,
        evidence_level=explanation.evidence_level or _evidence_level(explanation.windows),
        assumptions=(
            *explanation.assumptions,
            *_assumptions(decision, explanation, reasons, context),
            *_unlisted(basis),
        ),
        sources=_sources(explanation, rule.sources),
        basis=tuple(fact for item in _listed(basis) for fact in _facts_of(item)),
    )


def _no_start(decision: Decision) -> NoStartTime | None:
    if decision.concurrent:
        return NoStartTime.CONCURRENT_BY_INTENT
    if decision.start is None:
        return NoStartTime.NOT_APPLICABLE
    return NoStartTime.ONGOING_NO_END if decision.start == FOREVER else None


def _shared_reasons(decision: Decision, family: str, basis: Sequence[BasisItem], context: RuleContext) -> set[Reason]:
    """Return the reasons that follow from basis and history: imprecise times, late facts, unmodelled conditions."""
    own = {step.key for step in decision.anchor.entry.steps}
    decided = max(step.recorded_at for step in decision.anchor.entry.steps)
    facts = [fact for item in basis for fact in item.entry.steps]
    reasons = set()
    if any(moment.imprecise for fact in facts for moment in fact.moments):
        reasons.add(Reason.TIME_IMPRECISE)
    if any(fact.recorded_at > decided for fact in facts if fact.key not in own):
        reasons.add(Reason.RE_EVALUATED_LATE_EVENT)
    if family in _WINDOW_FAMILIES and context.patient.liver:
        reasons.add(Reason.HEPATIC_RENAL)
    if (family in _WINDOW_FAMILIES or decision.rule in _HISTORY_RULES) and _history_is_short(decision, context):
        reasons.add(Reason.HISTORY_SHORT)
    return reasons


def _history_is_short(decision: Decision, context: RuleContext) -> bool:
    """Return True if the known history does not cover the longest window that could apply."""
    needed = later(decision.anchor.time.earliest, -context.catalogue.policy.longest_window)
    return context.known_since is None or context.known_since > needed


def _unique(basis: Iterable[BasisItem]) -> list[BasisItem]:
    unique = {(item.role, item.entry.order, item.name): item for item in basis}
    return [unique[key] for key in sorted(unique)]


def _chains(basis: Iterable[BasisItem]) -> list[list[BasisItem]]:
    """Return the items of each medicine in each role, sorted by time and key."""
    chains: dict[tuple[str, str], list[BasisItem]] = {}
    for item in basis:
        chains.setdefault((item.role, item.name), []).append(item)
    return list(chains.values())


def _listed(basis: Sequence[BasisItem]) -> list[BasisItem]:
    """Return the first and the newest items of each medicine; the arithmetic sums up the others."""
    return [item for chain in _chains(basis) for item in chain[:1] + chain[1:][1 - LISTED_OF_A_MEDICINE :]]


def _unlisted(basis: Sequence[BasisItem]) -> list[str]:
    return [
        f"{len(chain) - LISTED_OF_A_MEDICINE} more facts about {chain[0].name} count and are not listed"
        for chain in _chains(basis)
        if len(chain) > LISTED_OF_A_MEDICINE
    ]


def _facts_of(item: BasisItem) -> list[Basis]:
    fact = item.entry.fact
    fill = fact if isinstance(fact, Fill) and not item.masked else None
    return [_fact_in_basis(item, step, fill) for step in item.entry.steps]


def _fact_in_basis(item: BasisItem, fact: Fact, fill: Fill | None) -> Basis:
    return Basis(
        role=item.role,
        key=fact.key,
        event_id="" if item.masked else fact.event_id,
        source="" if item.masked else fact.source,
        site="" if item.masked else fact.site,
        name=item.name,
        form_key=item.form_key,
        rx_number=fill.rx_number if fill else None,
        fill_number=fill.fill_number if fill else None,
    )


def arithmetic_line(window: WashoutWindow, at: datetime) -> ArithmeticLine:
    """Return the washout window of an exposure in numbers, checked at a time."""
    period, lengths = window.period, window.lengths
    documented_end = None if period.documented_end == FOREVER else period.documented_end
    return ArithmeticLine(
        ingredient=window.opioid.name,
        form_key=window.opioid.form.form_key,
        supply_end=documented_end,
        possible_end=None if period.possible_end == FOREVER else period.possible_end,
        label_interval_h=plain(lengths.label_interval_h),
        half_life_high_h=plain(lengths.half_life_high_h),
        multiplier=plain(lengths.multiplier),
        hard_window_h=hours(lengths.hard),
        policy_window_h=hours(lengths.policy),
        elapsed_h=None if documented_end is None else hours(at - documented_end),
        text=line_text(window, at),
    )


def _evidence_level(windows: Sequence[WashoutWindow]) -> str:
    levels: set[str] = {
        precipitant.interaction.evidence_level for window in windows for precipitant in window.precipitants
    }
    return "; ".join(sorted(levels or {window.opioid.form.verification for window in windows})) or "POLICY"


def _sources(explanation: Explanation, of_rule: tuple[str, ...]) -> tuple[str, ...]:
    sources = {*of_rule, *explanation.sources}
    for window in explanation.windows:
        if window.opioid.masked:  # a source names its drug
            continue
        sources.update(window.opioid.form.sources)
        for precipitant in window.precipitants:
            sources.update(precipitant.interaction.sources)
    return tuple(sorted(sources))


def _actions(recommended: str) -> list[str]:
    return [part[0].upper() + part[1:] for text in recommended.split("; ") if (part := text.strip())]


def _assumptions(
    decision: Decision, explanation: Explanation, reasons: set[Reason], context: RuleContext
) -> tuple[str, ...]:
    policy = context.catalogue.policy
    texts = _assumption_texts(policy)
    lines = [text for reason, text in texts.items() if reason in reasons]
    if decision.start not in (None, FOREVER) and not decision.anchor.time.zone:
        lines.append("dates are shown in UTC: the event states no local zone")
    for precipitant in {id(p): p for window in explanation.windows for p in window.precipitants}.values():
        interaction = precipitant.interaction
        lines.append(
            f"{interaction.name} counts from {utc_text(precipitant.period.begin.earliest)}"
            + ("" if precipitant.active_until == FOREVER else f" to {utc_text(precipitant.active_until)}")
        )
    return tuple(dict.fromkeys(lines))


def _assumption_texts(policy: Policy) -> dict[Reason, str]:
    return {
        Reason.SUPPLY_END_ASSUMED: (
            f"taken as needed, without days supply or filled in part: up to {days_text(policy.assumed_supply)} days or "
            "the whole quantity assumed"
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
        Reason.HEPATIC_RENAL: "liver or kidney disease is known: its effect on half-lives is not modelled",
        Reason.HISTORY_SHORT: (
            f"history is not known to be complete for the {days_text(policy.longest_window)} days that the longest "
            "window looks back"
        ),
        Reason.RESTRICTED_SOURCE: "a restricted source counts in full; other sites read no more than that it exists",
    }
