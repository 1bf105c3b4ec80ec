"""Naltrexone below 1 mg a day beside an opioid, in any order: the confirm path (WR-05) and its limits (WR-06)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from rx_clinical.catalogue.policy import Policy
from rx_clinical.findings.decisions import Decision, Explanation, Resting
from rx_clinical.findings.reason_codes import antagonist_reasons, interaction_reasons, spacing_reasons, window_reasons
from rx_clinical.findings.render import resting_on_antagonist, resting_on_opioid, resting_on_prolongers
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
    interacting_text,
    mme_text,
    opioid_text,
    order_actions,
    product_text,
    shown_to,
    start_text,
    zone_of,
)
from rx_clinical.history.antagonist_exposure import Start, tail_of
from rx_clinical.history.chart import Entry, MedicineFact
from rx_clinical.history.context import OpioidCourse, Picture, Reach, reach_between, reach_of
from rx_clinical.history.exposure_period import Event, Span
from rx_clinical.model.facts import Confirmation, Moment, Prescription
from rx_clinical.model.findings import Display
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.withdrawal import wr_05, wr_06
from rx_clinical.rules.withdrawal.confirmations import State, state_of, voided


@dataclass(slots=True, eq=False)
class Meeting:
    """An opioid that meets the ultra-low dose: inside its window, or begun inside the supply or its tail."""

    course: OpioidCourse
    reaches: tuple[Reach, ...]
    documented: bool  # by recorded supply on both sides, not by an assumption alone
    extended: bool  # an interacting medicine lengthens the half-life
    latest_begin: datetime  # of the exposures that meet


def decide_ultra_low(picture: Picture, start: Start) -> list[Decision]:
    """One decision an opioid form that meets this dose."""
    until = _until(start, start.span.possible_end)
    meetings = [
        meeting for course in picture.opioids if (meeting := _meeting(picture, start, course, until)) is not None
    ]
    if not meetings:
        return []
    # What was taken beside the dose while it lasted counts for the start, not only what had begun before it.
    reaches = [reach for meeting in meetings for reach in meeting.reaches]
    for course in picture.opioids:
        reaches.extend(reach_of(course, span, picture.catalogue) for span in _seen(picture, start, course, until))
    latest = max(reaches, key=lambda reach: reach.start)
    confirmed = _confirmed(picture, start, meetings)
    return [_decision(picture, start, meeting, latest, confirmed) for meeting in meetings]


def _until(start: Start, end: datetime) -> datetime:
    """The end of a supply and its tail."""
    return later(end, tail_of(start.history.antagonist, start.dose.tier))


def _seen(picture: Picture, start: Start, course: OpioidCourse, until: datetime) -> list[Span]:
    """What had begun by the antagonist time, or begins before the end of its tail."""
    return picture.firmly_seen_at(course, Moment(earliest=start.at, latest=max(start.event.time.latest, until)))


def _meeting(picture: Picture, start: Start, course: OpioidCourse, until: datetime) -> Meeting | None:
    at = start.at
    reaches: list[Reach] = []
    documented = extended = False
    for span in picture.firmly_seen_at(course, start.event.time):
        reach = reach_of(course, span, picture.catalogue)
        certain = False
        if span.documented_end is not None:
            # Before the end only the test of the earliest start counts interacting medicines.
            past = at >= span.documented_end
            judged = reach_between(course, span, span.documented_end, at, picture.catalogue) if past else reach
            certain = at < later(span.documented_end, judged.window.policy)
            if certain and judged.start >= reach.start:  # of equals the one that interacting medicines lengthen
                reach = judged
        if certain or at < reach.start:
            reaches.append(reach)
            documented = documented or certain
            extended = extended or bool(reach.prolongers)
    begun = [one for one in course.history.events() if at < one.time.earliest < until]
    if begun:
        reaches.extend(
            reach_of(course, span, picture.catalogue)
            for span in _seen(picture, start, course, until)
            if any(one.entry in span.entries for one in begun)
        )
        documented = documented or any(_is_certain(start, one) for one in begun)
        extended = extended or any(reach.prolongers for reach in reaches)
    if not reaches:
        return None
    latest_begin = max((one.time.earliest for one in begun), default=at)
    return Meeting(course, tuple(reaches), documented, extended, latest_begin)


def _is_certain(start: Start, begun: Event) -> bool:
    """A recorded opioid inside the recorded supply: no order without a fill on either side."""
    documented_end = start.span.documented_end
    if documented_end is None or isinstance(begun.entry.fact, Prescription):
        return False
    return begun.time.earliest < _until(start, documented_end)


@dataclass(slots=True, eq=False)
class Confirmed:
    """How far the confirmation of an antagonist event has come."""

    state: State
    valid: tuple[Confirmation, ...]
    void: tuple[str, ...]  # why earlier ones no longer hold


def _confirmed(picture: Picture, start: Start, meetings: Sequence[Meeting]) -> Confirmed:
    at = max(meeting.latest_begin for meeting in meetings)
    opioids = [
        (meeting.course.opioid.form.form_key, _newest_dose(reach.span))
        for meeting in meetings
        for reach in meeting.reaches[-1:]
    ]
    valid, void = [], []
    for confirmation in picture.chart.confirmations:
        why = voided(confirmation, at, start.dose.total_mg, opioids, picture.catalogue.policy)
        if why is None:
            valid.append(confirmation)
        elif confirmation.occurred.earliest <= at:  # a later one was never about this
            void.append(why)
    return Confirmed(state_of(valid), tuple(valid), tuple(dict.fromkeys(void)))


def _newest_dose(span: Span) -> Decimal | None:
    """The dose of the newest supply; attestations and positive tests state none."""
    medicines = [entry for entry in span.entries if isinstance(entry.fact, MedicineFact)]
    return medicines[-1].medicine.daily_dose_mg if medicines else None


def _decision(picture: Picture, start: Start, meeting: Meeting, latest: Reach, confirmed: Confirmed) -> Decision:
    form = meeting.course.opioid.form
    hard = wr_06.applies(start.dose.total_mg, form, extended=meeting.extended, policy=picture.catalogue.policy)
    return Decision(
        rule=wr_06.RULE if hard else wr_05.RULE,
        anchor=start.event,
        counterpart=counterpart_shown(start.event, meeting.reaches[0]),
        counterpart_key=meeting.course.opioid.key,
        severity=wr_06.severity(documented=meeting.documented) if hard else wr_05.severity(confirmed.state),
        display=Display.INTERRUPTIVE,
        start=latest.start if hard else None,
        concurrent=not hard,
        ends_at=latest.start if hard else None,
        requires_confirmation=not hard and confirmed.state is not State.CONFIRMED,
        explain=partial(_explain, picture, start, meeting, latest if hard else confirmed),
    )


def _explain(picture: Picture, start: Start, meeting: Meeting, ruled: Reach | Confirmed) -> Explanation:
    """`ruled`: the exposure behind the earliest start of WR-06, or how far the confirmation of WR-05 has come."""
    names, policy, event, dose = picture.catalogue.names, picture.catalogue.policy, start.event, start.dose
    confirmed = ruled if isinstance(ruled, Confirmed) else None
    reaches = list(meeting.reaches)
    spacing = spacing_reasons([event.entry, *(entry for reach in reaches for entry in reach.span.entries)], names)
    above_trials = dose.total_mg is not None and dose.total_mg > policy.trial_dose
    reasons = {
        *antagonist_reasons(start.history.antagonist, event.entry, dose.parts, names),
        *(reason for reach in reaches for reason in reach.span.reasons),
        *window_reasons(reaches, policy),
        *interaction_reasons(reaches),
        *spacing,
        *({Reason.DOSE_ABOVE_TRIAL_EVIDENCE} if above_trials else ()),
        *_path_reasons(confirmed),
        *({Reason.ONGOING_NO_END} if isinstance(ruled, Reach) and ruled.start == FOREVER else ()),
    }
    if confirmed is not None:
        reasons.discard(Reason.SEED_2_WEEK_FLOOR)  # it sets an earliest start, and there is none
    if isinstance(ruled, Reach) and ruled not in reaches:
        reaches.append(ruled)
    shown = shown_to(event, reaches)
    antagonist = product_text(start.history.antagonist.name, event.entry.medicine, dose.total_mg)
    said = f": the dose is {dose_in_words(dose.total_mg)} a day" if dose.total_mg else ""
    zone = zone_of(event.time, event.entry.fact.occurred)
    return Explanation(
        reasons=reasons,
        sentences=[
            f"{antagonist} beside {opioid_text(shown[0])}{said}.",
            *interacting_text(shown),
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
        reaches=shown,
        judged_at=start.at,
        resting=[
            *resting_on_antagonist(start.history.antagonist, [event.entry, *dose.parts]),
            *(one for reach in shown for one in resting_on_opioid(reach.opioid, reach.span)),
            *resting_on_prolongers(prolonger for reach in reaches for prolonger in reach.prolongers),
            *(Resting("evidence", "confirmation", None, Entry(one)) for one in (confirmed.valid if confirmed else ())),
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
    said = {
        State.HELD: "Held: the prescriber and the pharmacist must both confirm, each reading the dose back in words.",
        State.BY_PRESCRIBER: "The prescriber has confirmed; the pharmacist has not yet.",
        State.CONFIRMED: (
            f"Prescriber and pharmacist have confirmed: valid for {valid} days, for this dose beside these opioids. "
            f"Monitor for {monitored} days."
        ),
    }[confirmed.state]
    void = [f"An earlier confirmation does not hold: {why}." for why in confirmed.void]
    return [said, *(void if confirmed.state is not State.CONFIRMED else [])]
