"""Antagonist first, opioid second: every opioid event against every antagonist that was there (BL-01 to BL-03)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from rx_clinical.catalogue.drugs import Tier
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.reason_codes import antagonist_reasons, interaction_reasons, spacing_reasons, window_reasons
from rx_clinical.findings.render import resting_on_antagonist, resting_on_opioid, resting_on_prolongers
from rx_clinical.findings.wording import (
    SPACING_UNSAFE,
    STANDING_GAPS,
    days_text,
    interacting_text,
    mme_text,
    opioid_text,
    order_actions,
    product_text,
    shown_to,
    start_text,
    zone_of,
)
from rx_clinical.history.antagonist_exposure import AntagonistHistory, DailyDose, daily_dose, tail_of
from rx_clinical.history.context import OpioidCourse, Picture, Reach, reach_of
from rx_clinical.history.exposure_period import Event, Span
from rx_clinical.model.facts import Administration, Moment, Prescription, Report
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.blockade import bl_01, bl_02, bl_03
from rx_clinical.rules.blockade.blockade_interval import Block


@dataclass(frozen=True, slots=True)
class BlockadeRule:
    """A row of the decision table for opioids that meet an antagonist begun first."""

    rule_id: str
    applies: Callable[[Block], bool]
    severity: Callable[[Block], Severity]
    display: Display
    reasons: frozenset[Reason]


# The order of the decision table: the first that applies decides.
RULES = (
    BlockadeRule(
        bl_01.RULE,
        bl_01.applies,
        bl_01.severity,
        Display.INTERRUPTIVE,
        frozenset({Reason.BLOCKADE_ACTIVE, Reason.OVERCOMING_BLOCKADE_OVERDOSE}),
    ),
    BlockadeRule(
        bl_02.RULE,
        bl_02.applies,
        bl_02.severity,
        Display.INTERRUPTIVE,
        frozenset({Reason.BLOCKADE_WANING, Reason.REDUCED_TOLERANCE}),
    ),
    BlockadeRule(bl_03.RULE, bl_03.applies, bl_03.severity, Display.QUEUE, frozenset({Reason.REDUCED_TOLERANCE})),
)


@dataclass(slots=True, eq=False)
class Hit:
    """An antagonist course that an opioid meets, by the first rule that applies."""

    rule: BlockadeRule
    severity: Severity
    span: Span
    ends_at: datetime

    @property
    def rank(self) -> tuple[int, str]:
        """Worst first."""
        return (self.severity.rank, self.rule.rule_id)


def blockade(picture: Picture) -> list[Decision]:
    """Decisions of all opioid events."""
    decisions = []
    first = min(start.at for start in picture.starts)
    for course in picture.opioids:
        for event in course.history.events():
            if event.time.earliest <= first:
                continue
            for history in picture.antagonists:
                spans = history.spans_seen_at(event.time)
                if not spans:
                    continue
                dose = _dose(picture, event.time, history, spans)
                if dose.tier.ultra_low:
                    continue
                hits = [hit for span in spans if (hit := _hit(picture, event, span, history, dose.tier)) is not None]
                if hits:
                    own, latest = _restart(picture, course, event)
                    decisions.append(_decision(picture, Blocked(event, history, dose, tuple(hits), own, latest)))
    return decisions


def _dose(picture: Picture, moment: Moment, history: AntagonistHistory, spans: list[Span]) -> DailyDose:
    """The daily dose that blocks at a moment; once nothing of the form is supplied, its last dose."""
    own = max(spans, key=lambda span: (moment.earliest < span.possible_end, *_weight(span)))
    return daily_dose(picture.antagonists, history, moment, own.entries[-1], picture.catalogue)


def _weight(span: Span) -> tuple[bool, datetime, bytes]:
    """Supplies and injections set the dose before orders and reports do; the newest first."""
    entry = span.entries[-1]
    return (span.documented_end is not None and not isinstance(entry.fact, Report), *entry.order)


def _hit(picture: Picture, event: Event, span: Span, history: AntagonistHistory, tier: Tier) -> Hit | None:
    depot = history.antagonist.depot
    block = (
        _depot_block(event, span, tier, picture.catalogue.policy.depot_block)
        if depot
        else _supply_block(event, span, tier, tail_of(history.antagonist, tier))
    )
    rule = next((rule for rule in RULES if rule.applies(block)), None)
    if rule is None:
        return None
    return Hit(rule, rule.severity(block), span, _ends_at(rule, block, depot=depot, injected=_is_injected(span)))


def _supply_block(event: Event, span: Span, tier: Tier, tail: timedelta) -> Block:
    waning = later(span.possible_end, tail)
    return Block(
        at=event.time.earliest,
        documented_until=span.documented_end,
        possible_until=span.possible_end,
        waning_until=waning,
        tolerance_until=later(waning, tier.reduced_tolerance),
        worst=tier.opioid_after,
        opioid_only_ordered=isinstance(event.entry.fact, Prescription),
    )


def _is_injected(span: Span) -> bool:
    return isinstance(span.entries[-1].fact, Administration)


def _surely_injected(span: Span) -> datetime:
    """When an injection is certain: where reported use only states how long it lasts, when that begins."""
    entry = span.entries[-1]
    told = isinstance(entry.fact, Report) and not entry.fact.ongoing and entry.ended_at is None
    return span.begin.latest if told or span.documented_end is None else span.documented_end


def _depot_block(event: Event, span: Span, tier: Tier, blocks_for: timedelta) -> Block:
    waning = later(span.possible_end, tier.tail)
    first_month = later(_surely_injected(span), blocks_for)
    return Block(
        at=event.time.earliest,
        documented_until=None if span.documented_end is None else first_month,
        possible_until=later(span.possible_end, blocks_for),
        waning_until=waning,
        tolerance_until=later(waning, tier.reduced_tolerance),
        worst=tier.opioid_after,
        opioid_only_ordered=isinstance(event.entry.fact, Prescription),
    )


def _ends_at(rule: BlockadeRule, block: Block, *, depot: bool, injected: bool) -> datetime:
    """The end of what the rule says: of a depot's blockade its month, else with the tail."""
    if rule.rule_id == bl_03.RULE:
        return block.tolerance_until
    if rule.rule_id == bl_02.RULE or not depot:
        return block.waning_until
    first_month = block.documented_until
    if first_month is not None and block.at < first_month and not injected:
        return first_month
    return block.possible_until


@dataclass(slots=True, eq=False)
class Blocked:
    """An opioid event that meets an antagonist."""

    event: Event
    history: AntagonistHistory
    dose: DailyDose
    hits: tuple[Hit, ...]
    own: Reach  # the opioid's exposure
    latest: Reach  # that allows the antagonist last

    @property
    def worst(self) -> Hit:
        """The hit that is the finding; of equals the one that lasts longest."""
        worst = min(self.hits, key=lambda hit: hit.rank)
        return max((hit for hit in self.hits if hit.rule is worst.rule), key=lambda hit: hit.ends_at)


def _decision(picture: Picture, blocked: Blocked) -> Decision:
    event, history, worst = blocked.event, blocked.history, blocked.worst
    severity = min(blocked.hits, key=lambda hit: hit.rank).severity
    return Decision(
        rule=worst.rule.rule_id,
        anchor=event,
        counterpart=history.antagonist.counterpart,
        counterpart_key=history.antagonist.key,
        severity=severity,
        display=worst.rule.display,
        start=blocked.latest.start,
        ends_at=worst.ends_at,
        explain=partial(_explain, picture, blocked),
    )


def _explain(picture: Picture, blocked: Blocked) -> Explanation:
    event, history, hits, worst = blocked.event, blocked.history, blocked.hits, blocked.worst
    own, latest = blocked.own, blocked.latest
    names = picture.catalogue.names
    reaches = [own] if own.span is latest.span else [own, latest]
    blocking = worst.span.entries[-1]
    spacing = spacing_reasons([event.entry, *(entry for hit in hits for entry in hit.span.entries)], names)
    reasons = {
        *worst.rule.reasons,
        Reason.RESTART_AFTER_WINDOW,
        *antagonist_reasons(history.antagonist, blocking, blocked.dose.parts, names),
        *(reason for hit in hits for reason in hit.span.reasons),
        *own.span.reasons,
        *window_reasons([own], picture.catalogue.policy),
        *interaction_reasons(reaches),
        *spacing,
        *({Reason.ONGOING_NO_END} if latest.start == FOREVER else ()),
    }
    shown = shown_to(event, reaches)
    antagonist = product_text(history.antagonist.name, blocking.medicine, blocked.dose.total_mg)
    return Explanation(
        reasons=reasons,
        sentences=[
            *_headlines(worst.rule.rule_id, opioid_text(shown[0]), antagonist),
            _stopping(history, picture.catalogue.policy.depot_block),
            *_paralysis(picture),
            *interacting_text(shown),
            *([SPACING_UNSAFE] if spacing else []),
            "The next antagonist dose meets this opioid. Restart:",
            start_text(latest.start, shown, zone_of(event.time, event.entry.fact.occurred)),
            *mme_text(shown),
            STANDING_GAPS,
        ],
        actions=order_actions(own.span.reasons),
        reaches=shown,
        judged_at=event.time.earliest,
        resting=[
            *resting_on_antagonist(
                history.antagonist, [*(entry for hit in hits for entry in hit.span.entries), *blocked.dose.parts]
            ),
            *(one for reach in shown for one in resting_on_opioid(reach.opioid, reach.span)),
            *resting_on_prolongers(prolonger for reach in reaches for prolonger in reach.prolongers),
        ],
    )


def _headlines(rule: str, opioid: str, antagonist: str) -> list[str]:
    if rule == bl_01.RULE:
        return [
            f"{opioid} will not work while {antagonist} acts.",
            "Do not exceed the ordered dose: trying to overcome the blockade risks a fatal overdose.",
        ]
    if rule == bl_02.RULE:
        return [
            f"The blockade by {antagonist} is waning: the effect of {opioid} cannot be foretold.",
            (
                "Tolerance is reduced and receptors are more sensitive: lowest dose, do not exceed it, have naloxone "
                "at hand; trying to overcome the blockade risks a fatal overdose."
            ),
        ]
    return [
        f"{antagonist} is gone, and tolerance with it: less {opioid} than before may now be fatal.",
        "Treat as opioid-naive and offer naloxone.",
    ]


def _paralysis(picture: Picture) -> list[str]:
    if not picture.patient.symptoms("paralysis"):
        return []
    return [
        "Low respiratory reserve or a slow gut is on record (periodic paralysis): opioids are a poor choice anyway."
    ]


def _restart(picture: Picture, course: OpioidCourse, event: Event) -> tuple[Reach, Reach]:
    """The anchor's own exposure, and the one that allows the antagonist last; of a chain only what had begun."""
    begun = Moment(earliest=event.time.earliest, latest=event.time.earliest)
    reaches = [
        reach_of(other, span, picture.catalogue)
        for other in picture.opioids
        for span in picture.firmly_seen_at(other, begun)
    ]
    latest = max(reaches, key=lambda reach: reach.start)
    same = [reach for reach in reaches if reach.opioid == course.opioid]
    return max(same, key=lambda reach: (event.entry in reach.span.entries, reach.start)), latest


def _stopping(history: AntagonistHistory, depot_block: timedelta) -> str:
    if history.antagonist.depot:
        return f"The depot blocks for {days_text(depot_block)} days and cannot be withdrawn."
    return f"Oral {history.antagonist.name} can be stopped at once, no taper needed."
