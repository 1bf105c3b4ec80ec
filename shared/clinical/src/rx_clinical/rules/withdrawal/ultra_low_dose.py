"""Pairs every naltrexone dose below 1 mg a day with every opioid beside it, in any order, for WR-05 and WR-06."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from rx_clinical.findings.decisions import BasisItem, Explanation
from rx_clinical.findings.reason_codes import antagonist_reasons, interaction_reasons, spacing_reasons, window_reasons
from rx_clinical.findings.render import antagonist_basis, opioid_basis, precipitant_basis
from rx_clinical.findings.wording import (
    NO_PATH,
    OPIOID_NEED_MAY_FALL,
    SPACING_UNSAFE,
    STANDING_GAPS,
    TRIALS,
    dose_in_words,
    mme_text,
    opioid_text,
    order_actions,
    precipitant_text,
    product_text,
    shown_to,
)
from rx_clinical.history.antagonist_exposure import AntagonistStart, tail_of
from rx_clinical.history.chart import MedicineFact
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.washout_window import WashoutWindow, window_after, window_between
from rx_clinical.model.facts import Moment, Prescription
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import later
from rx_clinical.rules.withdrawal.confirmations import Confirmed, state_of, voided

_CONFLICTS = "ultra_low_conflicts"  # key of the context's cache


@dataclass(slots=True, eq=False)
class UltraLowDoseConflict:
    """An opioid that an ultra-low dose meets: inside its window, or begun inside the supply or its tail."""

    start: AntagonistStart
    exposure: OpioidExposure
    windows: tuple[WashoutWindow, ...]
    documented: bool  # by recorded supply on both sides, not by an assumption alone
    extended: bool  # a precipitant extends the half-life
    latest: WashoutWindow  # ends last, of everything taken by the end of the dose and its tail
    confirmed: Confirmed  # for all opioids that the dose meets


@dataclass(slots=True, eq=False)
class _Meeting:
    """What one opioid contributes, before what all opioids of the dose share is known."""

    exposure: OpioidExposure
    latest_begin: datetime  # of the exposures that begin after the dose; else the antagonist time
    windows: list[WashoutWindow] = field(default_factory=list)
    documented: bool = False
    extended: bool = False

    def add(self, window: WashoutWindow) -> None:
        """Count an exposure that the dose meets inside its window."""
        self.windows.append(window)
        self.extended = self.extended or bool(window.precipitants)


def ultra_low_conflicts(context: RuleContext) -> list[UltraLowDoseConflict]:
    """Return the conflicts of all doses below 1 mg a day; found once per context."""
    found = context.cache.get(_CONFLICTS)
    if found is None:
        found = context.cache[_CONFLICTS] = [
            conflict
            for start in context.starts
            if start.dose.tier.ultra_low
            for conflict in _conflicts_of(context, start)
        ]
    return found  # type: ignore[return-value]  # written above, nowhere else


def _conflicts_of(context: RuleContext, start: AntagonistStart) -> list[UltraLowDoseConflict]:
    """Return one conflict per opioid form that the dose meets."""
    until = _until(start, start.period.possible_end)
    meetings = [
        meeting for exposure in context.opioids if (meeting := _meeting(context, start, exposure, until)) is not None
    ]
    if not meetings:
        return []
    # What was taken beside the dose while it lasted counts for the start, not only what had begun before it.
    windows = [window for meeting in meetings for window in meeting.windows]
    for exposure in context.opioids:
        windows.extend(
            window_after(exposure, period, context.catalogue) for period in _seen(context, start, exposure, until)
        )
    latest = max(windows, key=lambda window: window.start)
    confirmed = _confirmed(context, start, meetings)
    return [
        UltraLowDoseConflict(
            start, meeting.exposure, tuple(meeting.windows), meeting.documented, meeting.extended, latest, confirmed
        )
        for meeting in meetings
    ]


def _until(start: AntagonistStart, end: datetime) -> datetime:
    """Return the end of the tail of a supply that ends at `end`."""
    return later(end, tail_of(start.exposure.antagonist, start.dose.tier))


def _seen(
    context: RuleContext, start: AntagonistStart, exposure: OpioidExposure, until: datetime
) -> list[ExposurePeriod]:
    """Return what had begun by the antagonist time, or begins before the end of its tail."""
    return context.firmly_seen_at(exposure, Moment(earliest=start.at, latest=max(start.event.time.latest, until)))


def _meeting(
    context: RuleContext, start: AntagonistStart, exposure: OpioidExposure, until: datetime
) -> _Meeting | None:
    at, meeting = start.at, _Meeting(exposure, start.at)
    for period in context.firmly_seen_at(exposure, start.event.time):
        window = window_after(exposure, period, context.catalogue)
        certain = False
        if period.documented_end is not None:
            # Before the end only the test of the earliest start counts precipitants.
            past = at >= period.documented_end
            checked = window_between(exposure, period, period.documented_end, at, context.catalogue) if past else window
            certain = at < later(period.documented_end, checked.lengths.policy)
            if certain and checked.start >= window.start:  # of equals the one that precipitants extend
                window = checked
        if certain or at < window.start:
            meeting.documented = meeting.documented or certain
            meeting.add(window)
    if begun := [event for event in exposure.events() if at < event.time.earliest < until]:
        meeting.latest_begin = max(event.time.earliest for event in begun)
        meeting.documented = meeting.documented or any(_is_certain(start, event) for event in begun)
        seen = _seen(context, start, exposure, until)
        for period in (period for period in seen if any(event.entry in period.entries for event in begun)):
            meeting.add(window_after(exposure, period, context.catalogue))
    return meeting if meeting.windows else None


def _is_certain(start: AntagonistStart, begun: Event) -> bool:
    """Return True for a recorded opioid inside the recorded supply: no order without a fill on either side."""
    documented_end = start.period.documented_end
    if documented_end is None or isinstance(begun.entry.fact, Prescription):
        return False
    return begun.time.earliest < _until(start, documented_end)


def _confirmed(context: RuleContext, start: AntagonistStart, meetings: Sequence[_Meeting]) -> Confirmed:
    """Return how far the confirmation for all opioids of a dose has come."""
    at = max(meeting.latest_begin for meeting in meetings)
    opioids = [
        (meeting.exposure.opioid.form.form_key, _newest_dose(window.period))
        for meeting in meetings
        for window in meeting.windows[-1:]
    ]
    valid, void = [], []
    for confirmation in context.chart.confirmations:
        why = voided(confirmation, at, start.dose.total_mg, opioids, context.catalogue.policy)
        if why is None:
            valid.append(confirmation)
        elif confirmation.occurred.earliest <= at:  # a later one was never about this
            void.append(why)
    return Confirmed(state_of(valid), tuple(valid), tuple(dict.fromkeys(void)))


def _newest_dose(period: ExposurePeriod) -> Decimal | None:
    """Return the daily dose (mg) of the newest supply; attestations and positive tests state none."""
    medicines = [entry for entry in period.entries if isinstance(entry.fact, MedicineFact)]
    return medicines[-1].medicine.daily_dose_mg if medicines else None


def explain_conflict(
    context: RuleContext,
    conflict: UltraLowDoseConflict,
    *,
    path: Callable[[Sequence[WashoutWindow]], Sequence[str]],
    reasons: Iterable[Reason],
    without: Iterable[Reason] = (),
    actions: Sequence[str] = (),
    latest: WashoutWindow | None = None,
    basis: Sequence[BasisItem] = (),
) -> Explanation:
    """Explain a conflict; the rule adds its own reasons, actions and basis, and the sentences of `path`.

    `path` takes the windows as the site of the dose may read them; `without` lists reasons that the rule does not give;
    `latest` is the window behind an earliest start, where there is one.
    """
    names, policy = context.catalogue.names, context.catalogue.policy
    start, windows = conflict.start, list(conflict.windows)
    event, dose, antagonist = start.event, start.dose, start.exposure.antagonist
    spacing = spacing_reasons([event.entry, *(entry for window in windows for entry in window.period.entries)], names)
    above_trials = dose.total_mg is not None and dose.total_mg > policy.trial_dose
    every_reason = {
        *antagonist_reasons(antagonist, event.entry, dose.parts, names),
        *(reason for window in windows for reason in window.period.reasons),
        *window_reasons(windows, policy),
        *interaction_reasons(windows),
        *spacing,
        *({Reason.DOSE_ABOVE_TRIAL_EVIDENCE} if above_trials else ()),
        *reasons,
    }.difference(without)
    if latest is not None and latest not in windows:
        windows.append(latest)
    shown = shown_to(event, windows)
    return Explanation(
        reasons=every_reason,
        sentences=[
            _headline(start, shown[0]),
            *precipitant_text(shown),
            TRIALS,
            *path(shown),
            NO_PATH,
            OPIOID_NEED_MAY_FALL,
            *([SPACING_UNSAFE] if spacing else []),
            *mme_text(shown),
            STANDING_GAPS,
        ],
        actions=[*actions, *order_actions(every_reason)],
        windows=shown,
        judged_at=start.at,
        basis=[
            *antagonist_basis(antagonist, [event.entry, *dose.parts]),
            *(item for window in shown for item in opioid_basis(window.opioid, window.period)),
            *precipitant_basis(precipitant for window in windows for precipitant in window.precipitants),
            *basis,
        ],
    )


def _headline(start: AntagonistStart, shown: WashoutWindow) -> str:
    """Name both medicines, and the dose in words."""
    dose_mg = start.dose.total_mg
    antagonist = product_text(start.exposure.antagonist.name, start.event.entry.medicine, dose_mg)
    dose_clause = f": the dose is {dose_in_words(dose_mg)} a day" if dose_mg else ""
    return f"{antagonist} beside {opioid_text(shown)}{dose_clause}."
