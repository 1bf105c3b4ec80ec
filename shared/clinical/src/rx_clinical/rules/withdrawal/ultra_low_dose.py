"""Naltrexone below 1 mg a day beside an opioid, in any order: the confirm path (WR-05) and its limits (WR-06)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from rx_clinical.catalogue.policy import Policy
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.reason_codes import antagonist_reasons, interaction_reasons, spacing_reasons, window_reasons
from rx_clinical.findings.render import antagonist_basis, opioid_basis, precipitant_basis
from rx_clinical.findings.wording import (
    NO_PATH,
    OPIOID_NEED_MAY_FALL,
    SPACING_UNSAFE,
    STANDING_GAPS,
    TRIALS,
    counterpart_shown,
    days_text,
    dose_in_words,
    hold_text,
    mme_text,
    opioid_text,
    order_actions,
    precipitant_text,
    product_text,
    shown_to,
    start_text,
    zone_of,
)
from rx_clinical.history.antagonist_exposure import AntagonistStart, tail_of
from rx_clinical.history.chart import Entry, MedicineFact
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.washout_window import WashoutWindow, window_after, window_between
from rx_clinical.model.facts import Confirmation, Moment, Prescription
from rx_clinical.model.findings import Display
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.withdrawal import wr_05, wr_06
from rx_clinical.rules.withdrawal.confirmations import State, state_of, voided


@dataclass(slots=True, eq=False)
class UltraLowDoseConflict:
    """An opioid that meets the ultra-low dose: inside its window, or begun inside the supply or its tail."""

    exposure: OpioidExposure
    windows: tuple[WashoutWindow, ...]
    documented: bool  # by recorded supply on both sides, not by an assumption alone
    extended: bool  # an interacting medicine lengthens the half-life
    latest_begin: datetime  # of the exposures that meet


def decide_ultra_low(context: RuleContext, start: AntagonistStart) -> list[Decision]:
    """One decision an opioid form that meets this dose."""
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
    return [_decision(context, start, meeting, latest, confirmed) for meeting in meetings]


def _until(start: AntagonistStart, end: datetime) -> datetime:
    """The end of a supply and its tail."""
    return later(end, tail_of(start.exposure.antagonist, start.dose.tier))


def _seen(
    context: RuleContext, start: AntagonistStart, exposure: OpioidExposure, until: datetime
) -> list[ExposurePeriod]:
    """What had begun by the antagonist time, or begins before the end of its tail."""
    return context.firmly_seen_at(exposure, Moment(earliest=start.at, latest=max(start.event.time.latest, until)))


def _meeting(
    context: RuleContext, start: AntagonistStart, exposure: OpioidExposure, until: datetime
) -> UltraLowDoseConflict | None:
    at = start.at
    windows: list[WashoutWindow] = []
    documented = extended = False
    for period in context.firmly_seen_at(exposure, start.event.time):
        window = window_after(exposure, period, context.catalogue)
        certain = False
        if period.documented_end is not None:
            # Before the end only the test of the earliest start counts interacting medicines.
            past = at >= period.documented_end
            judged = window_between(exposure, period, period.documented_end, at, context.catalogue) if past else window
            certain = at < later(period.documented_end, judged.lengths.policy)
            if certain and judged.start >= window.start:  # of equals the one that interacting medicines lengthen
                window = judged
        if certain or at < window.start:
            windows.append(window)
            documented = documented or certain
            extended = extended or bool(window.precipitants)
    begun = [one for one in exposure.events() if at < one.time.earliest < until]
    if begun:
        windows.extend(
            window_after(exposure, period, context.catalogue)
            for period in _seen(context, start, exposure, until)
            if any(one.entry in period.entries for one in begun)
        )
        documented = documented or any(_is_certain(start, one) for one in begun)
        extended = extended or any(window.precipitants for window in windows)
    if not windows:
        return None
    latest_begin = max((one.time.earliest for one in begun), default=at)
    return UltraLowDoseConflict(exposure, tuple(windows), documented, extended, latest_begin)


def _is_certain(start: AntagonistStart, begun: Event) -> bool:
    """A recorded opioid inside the recorded supply: no order without a fill on either side."""
    documented_end = start.period.documented_end
    if documented_end is None or isinstance(begun.entry.fact, Prescription):
        return False
    return begun.time.earliest < _until(start, documented_end)


@dataclass(slots=True, eq=False)
class Confirmed:
    """How far the confirmation of an antagonist event has come."""

    state: State
    valid: tuple[Confirmation, ...]
    void: tuple[str, ...]  # why earlier ones no longer hold


def _confirmed(context: RuleContext, start: AntagonistStart, meetings: Sequence[UltraLowDoseConflict]) -> Confirmed:
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
    """The dose of the newest supply; attestations and positive tests state none."""
    medicines = [entry for entry in period.entries if isinstance(entry.fact, MedicineFact)]
    return medicines[-1].medicine.daily_dose_mg if medicines else None


def _decision(
    context: RuleContext,
    start: AntagonistStart,
    meeting: UltraLowDoseConflict,
    latest: WashoutWindow,
    confirmed: Confirmed,
) -> Decision:
    form = meeting.exposure.opioid.form
    hard = wr_06.applies(start.dose.total_mg, form, extended=meeting.extended, policy=context.catalogue.policy)
    return Decision(
        rule=wr_06.RULE if hard else wr_05.RULE,
        anchor=start.event,
        counterpart=counterpart_shown(start.event, meeting.windows[0]),
        counterpart_key=meeting.exposure.opioid.key,
        severity=wr_06.severity(documented=meeting.documented) if hard else wr_05.severity(confirmed.state),
        display=Display.INTERRUPTIVE,
        start=latest.start if hard else None,
        concurrent=not hard,
        ends_at=latest.start if hard else None,
        requires_confirmation=not hard and confirmed.state is not State.CONFIRMED,
        explain=partial(_explain, context, start, meeting, latest if hard else confirmed),
    )


def _explain(
    context: RuleContext, start: AntagonistStart, meeting: UltraLowDoseConflict, ruled: WashoutWindow | Confirmed
) -> Explanation:
    """`ruled`: the exposure behind the earliest start of WR-06, or how far the confirmation of WR-05 has come."""
    names, policy, event, dose = context.catalogue.names, context.catalogue.policy, start.event, start.dose
    confirmed = ruled if isinstance(ruled, Confirmed) else None
    windows = list(meeting.windows)
    spacing = spacing_reasons([event.entry, *(entry for window in windows for entry in window.period.entries)], names)
    above_trials = dose.total_mg is not None and dose.total_mg > policy.trial_dose
    reasons = {
        *antagonist_reasons(start.exposure.antagonist, event.entry, dose.parts, names),
        *(reason for window in windows for reason in window.period.reasons),
        *window_reasons(windows, policy),
        *interaction_reasons(windows),
        *spacing,
        *({Reason.DOSE_ABOVE_TRIAL_EVIDENCE} if above_trials else ()),
        *_path_reasons(confirmed),
        *({Reason.ONGOING_NO_END} if isinstance(ruled, WashoutWindow) and ruled.start == FOREVER else ()),
    }
    if confirmed is not None:
        reasons.discard(Reason.TWO_WEEK_WASHOUT)  # it sets an earliest start, and there is none
    if isinstance(ruled, WashoutWindow) and ruled not in windows:
        windows.append(ruled)
    shown = shown_to(event, windows)
    antagonist = product_text(start.exposure.antagonist.name, event.entry.medicine, dose.total_mg)
    dose_clause = f": the dose is {dose_in_words(dose.total_mg)} a day" if dose.total_mg else ""
    zone = zone_of(event.time, event.entry.fact.occurred)
    return Explanation(
        reasons=reasons,
        sentences=[
            f"{antagonist} beside {opioid_text(shown[0])}{dose_clause}.",
            *precipitant_text(shown),
            TRIALS,
            *(
                _path_sentences(ruled, policy)
                if isinstance(ruled, Confirmed)
                else [start_text(ruled.start, shown, zone)]
            ),
            NO_PATH,
            OPIOID_NEED_MAY_FALL,
            *([SPACING_UNSAFE] if spacing else []),
            *mme_text(shown),
            STANDING_GAPS,
        ],
        actions=[*([] if confirmed else [hold_text(event.urgency)]), *order_actions(reasons)],
        windows=shown,
        judged_at=start.at,
        basis=[
            *antagonist_basis(start.exposure.antagonist, [event.entry, *dose.parts]),
            *(one for window in shown for one in opioid_basis(window.opioid, window.period)),
            *precipitant_basis(precipitant for window in windows for precipitant in window.precipitants),
            *(
                BasisItem("evidence", "confirmation", None, Entry(one))
                for one in (confirmed.valid if confirmed else ())
            ),
        ],
    )


def _path_reasons(confirmed: Confirmed | None) -> set[Reason]:
    if confirmed is None:
        return {Reason.ULDN_ABOVE_0_25_LONG_HALF_LIFE}
    reasons = {Reason.ULDN_CONFIRMED} if confirmed.state is State.CONFIRMED else {Reason.ULDN_CLINICIAN_CONFIRM}
    if confirmed.void and confirmed.state is not State.CONFIRMED:
        reasons.add(Reason.CONFIRMATION_VOID)
    return reasons


def _path_sentences(confirmed: Confirmed, policy: Policy) -> list[str]:
    """Where the confirmation stands."""
    valid, monitored = days_text(policy.confirmation_valid), days_text(policy.confirmation_monitoring)
    dose_clause = {
        State.HELD: "Held: the prescriber and the pharmacist must both confirm, each reading the dose back in words.",
        State.BY_PRESCRIBER: "The prescriber has confirmed; the pharmacist has not yet.",
        State.CONFIRMED: (
            f"Prescriber and pharmacist have confirmed: valid for {valid} days, for this dose beside these opioids. "
            f"Monitor for {monitored} days."
        ),
    }[confirmed.state]
    void = [f"An earlier confirmation does not hold: {why}." for why in confirmed.void]
    return [dose_clause, *(void if confirmed.state is not State.CONFIRMED else [])]
