"""Pairs every opioid event with every antagonist begun before it, for BL-01 to BL-03.

The conflicts are found once per context. Each rule then rates their intervals; the worst decision of a conflict counts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from rx_clinical.catalogue.antagonists import Tier
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
from rx_clinical.rules.blockade.blockade_interval import BlockadeInterval

_CONFLICTS = "blockade_conflicts"  # key of the context's cache


@dataclass(slots=True, eq=False)
class BlockadeConflict:
    """An opioid event that meets an antagonist."""

    event: Event
    antagonist_exposure: AntagonistExposure
    dose: DailyDose
    intervals: tuple[BlockadeInterval, ...]  # of its courses, those that are open
    own: WashoutWindow  # the opioid's exposure
    latest: WashoutWindow  # that allows the antagonist last


def blockade_conflicts(context: RuleContext) -> list[BlockadeConflict]:
    """Return the conflicts of all opioid events; found once per context."""
    found = context.cache.get(_CONFLICTS)
    if found is None:
        found = context.cache[_CONFLICTS] = _find_conflicts(context) if context.starts else []
    return found  # type: ignore[return-value]  # written above, nowhere else


def _find_conflicts(context: RuleContext) -> list[BlockadeConflict]:
    conflicts = []
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
                intervals = _open_intervals(context, event, antagonist_exposure, periods, dose.tier)
                if intervals:
                    own, latest = _restart(context, exposure, event)
                    conflicts.append(BlockadeConflict(event, antagonist_exposure, dose, intervals, own, latest))
    return conflicts


def _dose(
    context: RuleContext, moment: Moment, antagonist_exposure: AntagonistExposure, periods: list[ExposurePeriod]
) -> DailyDose:
    """Return the daily dose that blocks at a moment; once nothing of the form is supplied, its last dose."""
    own = max(periods, key=lambda period: (moment.earliest < period.possible_end, *_weight(period)))
    return daily_dose(context.antagonists, antagonist_exposure, moment, own.entries[-1], context.catalogue)


def _weight(period: ExposurePeriod) -> tuple[bool, datetime, bytes]:
    """Rank supplies and injections before orders and reports, the newest first."""
    entry = period.entries[-1]
    return (period.documented_end is not None and not isinstance(entry.fact, Report), *entry.order)


def _open_intervals(
    context: RuleContext,
    event: Event,
    antagonist_exposure: AntagonistExposure,
    periods: list[ExposurePeriod],
    tier: Tier,
) -> tuple[BlockadeInterval, ...]:
    antagonist = antagonist_exposure.antagonist
    if antagonist.depot:
        blocks_for = context.catalogue.policy.depot_block
        found = [_depot_interval(event, period, tier, blocks_for) for period in periods]
    else:
        tail = tail_of(antagonist, tier)
        found = [_supply_interval(event, period, tier, tail) for period in periods]
    return tuple(interval for interval in found if interval.is_open)


def _supply_interval(event: Event, period: ExposurePeriod, tier: Tier, tail: timedelta) -> BlockadeInterval:
    waning = later(period.possible_end, tail)
    return BlockadeInterval(
        at=event.time.earliest,
        period=period,
        depot=False,
        injected=False,
        documented_until=period.documented_end,
        possible_until=period.possible_end,
        waning_until=waning,
        tolerance_until=later(waning, tier.reduced_tolerance),
        worst=tier.opioid_after,
        opioid_only_ordered=isinstance(event.entry.fact, Prescription),
    )


def _surely_injected(period: ExposurePeriod) -> datetime:
    """Return when an injection is certain: where reported use only states how long it lasts, when that begins."""
    entry = period.entries[-1]
    duration_only = isinstance(entry.fact, Report) and not entry.fact.ongoing and entry.ended_at is None
    return period.begin.latest if duration_only or period.documented_end is None else period.documented_end


def _depot_interval(event: Event, period: ExposurePeriod, tier: Tier, blocks_for: timedelta) -> BlockadeInterval:
    waning = later(period.possible_end, tier.tail)
    first_month = later(_surely_injected(period), blocks_for)
    return BlockadeInterval(
        at=event.time.earliest,
        period=period,
        depot=True,
        injected=isinstance(period.entries[-1].fact, Administration),
        documented_until=None if period.documented_end is None else first_month,
        possible_until=later(period.possible_end, blocks_for),
        waning_until=waning,
        tolerance_until=later(waning, tier.reduced_tolerance),
        worst=tier.opioid_after,
        opioid_only_ordered=isinstance(event.entry.fact, Prescription),
    )


def decide_conflicts(
    context: RuleContext,
    rule_id: str,
    *,
    rate: Callable[[BlockadeInterval], Severity | None],
    ends_at: Callable[[BlockadeInterval], datetime],
    display: Display,
    headline: Callable[[str, str], Sequence[str]],
    reasons: Iterable[Reason],
) -> list[Decision]:
    """Decide each conflict by the worst interval that `rate` rates; it returns None for intervals of other rules.

    The decision ends with the interval that lasts longest. `headline` takes opioid and antagonist.
    """
    decisions = []
    for conflict in blockade_conflicts(context):
        rated = [(severity, interval) for interval in conflict.intervals if (severity := rate(interval)) is not None]
        if rated:
            severity = min((severity for severity, _ in rated), key=lambda severity: severity.rank)
            shown = max((interval for _, interval in rated), key=ends_at)
            decisions.append(
                Decision(
                    rule=rule_id,
                    anchor=conflict.event,
                    counterpart=conflict.antagonist_exposure.antagonist.counterpart,
                    counterpart_key=conflict.antagonist_exposure.antagonist.key,
                    severity=severity,
                    display=display,
                    start=conflict.latest.start,
                    ends_at=ends_at(shown),
                    explain=partial(_explain, context, conflict, shown, headline, reasons),
                    conflict=conflict,
                )
            )
    return decisions


def _explain(
    context: RuleContext,
    conflict: BlockadeConflict,
    interval: BlockadeInterval,
    headline: Callable[[str, str], Sequence[str]],
    own_reasons: Iterable[Reason],
) -> Explanation:
    event, antagonist_exposure, own, latest = (
        conflict.event,
        conflict.antagonist_exposure,
        conflict.own,
        conflict.latest,
    )
    names, policy = context.catalogue.names, context.catalogue.policy
    windows = [own] if own.period is latest.period else [own, latest]
    blocking = interval.period.entries[-1]
    entries = [entry for interval in conflict.intervals for entry in interval.period.entries]
    spacing = spacing_reasons([event.entry, *entries], names)
    reasons = {
        *own_reasons,
        Reason.RESTART_AFTER_WINDOW,
        *antagonist_reasons(antagonist_exposure.antagonist, blocking, conflict.dose.parts, names),
        *(reason for interval in conflict.intervals for reason in interval.period.reasons),
        *own.period.reasons,
        *window_reasons([own], policy),
        *interaction_reasons(windows),
        *spacing,
        *({Reason.ONGOING_NO_END} if latest.start == FOREVER else ()),
    }
    shown = shown_to(event, windows)
    antagonist = product_text(antagonist_exposure.antagonist.name, blocking.medicine, conflict.dose.total_mg)
    return Explanation(
        reasons=reasons,
        sentences=[
            *headline(opioid_text(shown[0]), antagonist),
            _stopping_text(antagonist_exposure, policy.depot_block),
            *_paralysis_text(context),
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
            *antagonist_basis(antagonist_exposure.antagonist, [*entries, *conflict.dose.parts]),
            *(item for window in shown for item in opioid_basis(window.opioid, window.period)),
            *precipitant_basis(precipitant for window in windows for precipitant in window.precipitants),
        ],
    )


def _paralysis_text(context: RuleContext) -> list[str]:
    if not context.patient.symptoms("paralysis"):
        return []
    return [
        "Low respiratory reserve or a slow gut is on record (periodic paralysis): opioids are a poor choice anyway."
    ]


def _restart(context: RuleContext, exposure: OpioidExposure, event: Event) -> tuple[WashoutWindow, WashoutWindow]:
    """Return the anchor's exposure and the one with the latest permitted restart.

    Counts only fills begun by the anchor time.
    """
    begun = Moment(earliest=event.time.earliest, latest=event.time.earliest)
    windows = [
        window_after(other, period, context.catalogue)
        for other in context.opioids
        for period in context.firmly_seen_at(other, begun)
    ]
    latest = max(windows, key=lambda window: window.start)
    same = [window for window in windows if window.opioid == exposure.opioid]
    return max(same, key=lambda window: (event.entry in window.period.entries, window.start)), latest


def _stopping_text(antagonist_exposure: AntagonistExposure, depot_block: timedelta) -> str:
    if antagonist_exposure.antagonist.depot:
        return f"The depot blocks for {days_text(depot_block)} days and cannot be withdrawn."
    return f"Oral {antagonist_exposure.antagonist.name} can be stopped at once, no taper needed."
