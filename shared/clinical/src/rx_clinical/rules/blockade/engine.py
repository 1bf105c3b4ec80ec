"""Antagonist first, opioid second: every opioid event against every antagonist that was there (BL-01 to BL-03)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from rx_clinical.catalogue.drugs import Tier
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.reason_codes import antagonist_reasons, interaction_reasons, spacing_reasons, window_reasons
from rx_clinical.findings.render import antagonist_basis, opioid_basis, precipitant_basis
from rx_clinical.findings.wording import (
    SPACING_UNSAFE,
    STANDING_GAPS,
    days_text,
    mme_text,
    opioid_text,
    order_actions,
    precipitant_text,
    product_text,
    shown_to,
    start_text,
    zone_of,
)
from rx_clinical.history.antagonist_exposure import AntagonistExposure, DailyDose, daily_dose, tail_of
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.washout_window import WashoutWindow, window_after
from rx_clinical.model.facts import Administration, Moment, Prescription, Report
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.blockade import bl_01, bl_02, bl_03
from rx_clinical.rules.blockade.blockade_interval import BlockadeInterval


@dataclass(frozen=True, slots=True)
class BlockadeRule:
    """A row of the decision table for opioids that meet an antagonist begun first."""

    rule_id: str
    applies: Callable[[BlockadeInterval], bool]
    severity: Callable[[BlockadeInterval], Severity]
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
class BlockadeHit:
    """An antagonist course that an opioid meets, by the first rule that applies."""

    rule: BlockadeRule
    severity: Severity
    period: ExposurePeriod
    ends_at: datetime

    @property
    def rank(self) -> tuple[int, str]:
        """Worst first."""
        return (self.severity.rank, self.rule.rule_id)


def blockade(context: RuleContext) -> list[Decision]:
    """Decisions of all opioid events."""
    decisions = []
    first = min(start.at for start in context.starts)
    for exposure in context.opioids:
        for event in exposure.events():
            if event.time.earliest <= first:
                continue
            for antagonist_exposure in context.antagonists:
                periods = antagonist_exposure.periods_seen_at(event.time)
                if not periods:
                    continue
                dose = _dose(context, event.time, antagonist_exposure, periods)
                if dose.tier.ultra_low:
                    continue
                hits = [
                    hit
                    for period in periods
                    if (hit := _hit(context, event, period, antagonist_exposure, dose.tier)) is not None
                ]
                if hits:
                    own, latest = _restart(context, exposure, event)
                    decisions.append(
                        _decision(context, BlockadeConflict(event, antagonist_exposure, dose, tuple(hits), own, latest))
                    )
    return decisions


def _dose(
    context: RuleContext, moment: Moment, antagonist_exposure: AntagonistExposure, periods: list[ExposurePeriod]
) -> DailyDose:
    """The daily dose that blocks at a moment; once nothing of the form is supplied, its last dose."""
    own = max(periods, key=lambda period: (moment.earliest < period.possible_end, *_weight(period)))
    return daily_dose(context.antagonists, antagonist_exposure, moment, own.entries[-1], context.catalogue)


def _weight(period: ExposurePeriod) -> tuple[bool, datetime, bytes]:
    """Supplies and injections set the dose before orders and reports do; the newest first."""
    entry = period.entries[-1]
    return (period.documented_end is not None and not isinstance(entry.fact, Report), *entry.order)


def _hit(
    context: RuleContext, event: Event, period: ExposurePeriod, antagonist_exposure: AntagonistExposure, tier: Tier
) -> BlockadeHit | None:
    depot = antagonist_exposure.antagonist.depot
    interval = (
        _depot_interval(event, period, tier, context.catalogue.policy.depot_block)
        if depot
        else _supply_interval(event, period, tier, tail_of(antagonist_exposure.antagonist, tier))
    )
    rule = next((rule for rule in RULES if rule.applies(interval)), None)
    if rule is None:
        return None
    return BlockadeHit(
        rule, rule.severity(interval), period, _ends_at(rule, interval, depot=depot, injected=_is_injected(period))
    )


def _supply_interval(event: Event, period: ExposurePeriod, tier: Tier, tail: timedelta) -> BlockadeInterval:
    waning = later(period.possible_end, tail)
    return BlockadeInterval(
        at=event.time.earliest,
        documented_until=period.documented_end,
        possible_until=period.possible_end,
        waning_until=waning,
        tolerance_until=later(waning, tier.reduced_tolerance),
        worst=tier.opioid_after,
        opioid_only_ordered=isinstance(event.entry.fact, Prescription),
    )


def _is_injected(period: ExposurePeriod) -> bool:
    return isinstance(period.entries[-1].fact, Administration)


def _surely_injected(period: ExposurePeriod) -> datetime:
    """When an injection is certain: where reported use only states how long it lasts, when that begins."""
    entry = period.entries[-1]
    duration_only = isinstance(entry.fact, Report) and not entry.fact.ongoing and entry.ended_at is None
    return period.begin.latest if duration_only or period.documented_end is None else period.documented_end


def _depot_interval(event: Event, period: ExposurePeriod, tier: Tier, blocks_for: timedelta) -> BlockadeInterval:
    waning = later(period.possible_end, tier.tail)
    first_month = later(_surely_injected(period), blocks_for)
    return BlockadeInterval(
        at=event.time.earliest,
        documented_until=None if period.documented_end is None else first_month,
        possible_until=later(period.possible_end, blocks_for),
        waning_until=waning,
        tolerance_until=later(waning, tier.reduced_tolerance),
        worst=tier.opioid_after,
        opioid_only_ordered=isinstance(event.entry.fact, Prescription),
    )


def _ends_at(rule: BlockadeRule, interval: BlockadeInterval, *, depot: bool, injected: bool) -> datetime:
    """The end of what the rule says: of a depot's blockade its month, else with the tail."""
    if rule.rule_id == bl_03.RULE:
        return interval.tolerance_until
    if rule.rule_id == bl_02.RULE or not depot:
        return interval.waning_until
    first_month = interval.documented_until
    if first_month is not None and interval.at < first_month and not injected:
        return first_month
    return interval.possible_until


@dataclass(slots=True, eq=False)
class BlockadeConflict:
    """An opioid event that meets an antagonist."""

    event: Event
    antagonist_exposure: AntagonistExposure
    dose: DailyDose
    hits: tuple[BlockadeHit, ...]
    own: WashoutWindow  # the opioid's exposure
    latest: WashoutWindow  # that allows the antagonist last

    @property
    def worst(self) -> BlockadeHit:
        """The hit that is the finding; of equals the one that lasts longest."""
        worst = min(self.hits, key=lambda hit: hit.rank)
        return max((hit for hit in self.hits if hit.rule is worst.rule), key=lambda hit: hit.ends_at)


def _decision(context: RuleContext, blocked: BlockadeConflict) -> Decision:
    event, antagonist_exposure, worst = blocked.event, blocked.antagonist_exposure, blocked.worst
    severity = min(blocked.hits, key=lambda hit: hit.rank).severity
    return Decision(
        rule=worst.rule.rule_id,
        anchor=event,
        counterpart=antagonist_exposure.antagonist.counterpart,
        counterpart_key=antagonist_exposure.antagonist.key,
        severity=severity,
        display=worst.rule.display,
        start=blocked.latest.start,
        ends_at=worst.ends_at,
        explain=partial(_explain, context, blocked),
    )


def _explain(context: RuleContext, blocked: BlockadeConflict) -> Explanation:
    event, antagonist_exposure, hits, worst = blocked.event, blocked.antagonist_exposure, blocked.hits, blocked.worst
    own, latest = blocked.own, blocked.latest
    names = context.catalogue.names
    windows = [own] if own.period is latest.period else [own, latest]
    blocking = worst.period.entries[-1]
    spacing = spacing_reasons([event.entry, *(entry for hit in hits for entry in hit.period.entries)], names)
    reasons = {
        *worst.rule.reasons,
        Reason.RESTART_AFTER_WINDOW,
        *antagonist_reasons(antagonist_exposure.antagonist, blocking, blocked.dose.parts, names),
        *(reason for hit in hits for reason in hit.period.reasons),
        *own.period.reasons,
        *window_reasons([own], context.catalogue.policy),
        *interaction_reasons(windows),
        *spacing,
        *({Reason.ONGOING_NO_END} if latest.start == FOREVER else ()),
    }
    shown = shown_to(event, windows)
    antagonist = product_text(antagonist_exposure.antagonist.name, blocking.medicine, blocked.dose.total_mg)
    return Explanation(
        reasons=reasons,
        sentences=[
            *_headlines(worst.rule.rule_id, opioid_text(shown[0]), antagonist),
            _stopping(antagonist_exposure, context.catalogue.policy.depot_block),
            *_paralysis(context),
            *precipitant_text(shown),
            *([SPACING_UNSAFE] if spacing else []),
            "The next antagonist dose meets this opioid. Restart:",
            start_text(latest.start, shown, zone_of(event.time, event.entry.fact.occurred)),
            *mme_text(shown),
            STANDING_GAPS,
        ],
        actions=order_actions(own.period.reasons),
        windows=shown,
        judged_at=event.time.earliest,
        basis=[
            *antagonist_basis(
                antagonist_exposure.antagonist,
                [*(entry for hit in hits for entry in hit.period.entries), *blocked.dose.parts],
            ),
            *(one for window in shown for one in opioid_basis(window.opioid, window.period)),
            *precipitant_basis(precipitant for window in windows for precipitant in window.precipitants),
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


def _paralysis(context: RuleContext) -> list[str]:
    if not context.patient.symptoms("paralysis"):
        return []
    return [
        "Low respiratory reserve or a slow gut is on record (periodic paralysis): opioids are a poor choice anyway."
    ]


def _restart(context: RuleContext, exposure: OpioidExposure, event: Event) -> tuple[WashoutWindow, WashoutWindow]:
    """The anchor's own exposure, and the one that allows the antagonist last; of a chain only what had begun."""
    begun = Moment(earliest=event.time.earliest, latest=event.time.earliest)
    windows = [
        window_after(other, period, context.catalogue)
        for other in context.opioids
        for period in context.firmly_seen_at(other, begun)
    ]
    latest = max(windows, key=lambda window: window.start)
    same = [window for window in windows if window.opioid == exposure.opioid]
    return max(same, key=lambda window: (event.entry in window.period.entries, window.start)), latest


def _stopping(antagonist_exposure: AntagonistExposure, depot_block: timedelta) -> str:
    if antagonist_exposure.antagonist.depot:
        return f"The depot blocks for {days_text(depot_block)} days and cannot be withdrawn."
    return f"Oral {antagonist_exposure.antagonist.name} can be stopped at once, no taper needed."
