"""PA-01: buprenorphine started while a full agonist is still inside.

When   buprenorphine under the tongue is filled or given, with none in the 60 days before (an order is no dose yet)
  and  less than 24 h have passed since the last methadone or other long-acting full agonist, 12 h since a
       short-acting one
Then   moderate, in the worklist, never a hold: earliest start by the clock is the last dose + 24 h / 12 h, and only
       with objective signs of withdrawal
Source BUP5 (label 4 h at least), POLICY
Needs  fills and doses of sublingual buprenorphine; supply of full agonists with form and time
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; signs of withdrawal; a planned low-dose induction
Reasons PARTIAL_ON_FULL_AGONIST, supply, OPIOID_EVIDENCE_POSITIVE, LAST_DOSE_ATTESTED

Cases
| case                                                                           | severity | display |
|--------------------------------------------------------------------------------|----------|---------|
| less than 24 h after a long-acting full agonist, 12 h after a short-acting one | moderate | queue   |
| buprenorphine in the 60 days before                                            | none     | -       |

Timeline
| time             | event                       | finding                                     |
|------------------|-----------------------------|---------------------------------------------|
| 2026-03-01 09:00 | fill methadone_oral, 7 days |                                             |
| 2026-03-09 08:00 | fill bup_sl, 7 days         | PA-01 moderate, not before 2026-03-09 09:00 |
| 2026-03-16 08:00 | fill bup_sl, 7 days         |                                             |

Timeline: twelve hours after a short-acting opioid
| time             | event                     | finding |
|------------------|---------------------------|---------|
| 2026-03-01 09:00 | fill oxycodone_ir, 3 days |         |
| 2026-03-04 21:00 | order bup_sl, 7 days      |         |
"""

from datetime import datetime, timedelta
from functools import partial

from rx_clinical.catalogue.drugs import Acting
from rx_clinical.catalogue.policy import Policy
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.render import resting_on_opioid
from rx_clinical.findings.wording import hours_text, opioid_text, shown_to, utc_text
from rx_clinical.history.antagonist_exposure import antagonist_time
from rx_clinical.history.context import OpioidCourse, Picture, reach_of
from rx_clinical.history.exposure_period import Event, Span
from rx_clinical.model.facts import Administration, Fill, Prescription, Report
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later

RULE = "PA-01"
_FORM = "bup_sl"
_FULL = "full_agonist"


def waits(acting: Acting, policy: Policy) -> timedelta:
    """How long buprenorphine waits after the last dose."""
    return policy.partial_after_short if acting is Acting.SHORT else policy.partial_after_long


def decide(picture: Picture) -> list[Decision]:
    """One decision a first buprenorphine event and full agonist."""
    decisions: list[Decision] = []
    for started in picture.opioids:
        if started.opioid.form.form_key == _FORM:
            for one in started.history.events():
                event = Event(one.entry, antagonist_time(one.entry, one.time))
                if isinstance(event.entry.fact, (Fill, Administration)) and _is_first(started, event, picture):
                    decisions.extend(_of_event(picture, started, event))
    return decisions


def _is_first(started: OpioidCourse, event: Event, picture: Picture) -> bool:
    """No fill, dose or report of it in the 60 days before, and no report of use that goes on."""
    since = later(event.time.earliest, -picture.catalogue.policy.partial_new)
    for span in started.history.every_span():
        fact, begin = span.entries[-1].fact, span.newest_begin.earliest
        if isinstance(fact, Prescription) or span.entries[-1] is event.entry or begin >= event.time.earliest:
            continue
        if begin >= since or (isinstance(fact, Report) and span.possible_end > event.time.earliest):
            return False
    return True


def _of_event(picture: Picture, started: OpioidCourse, event: Event) -> list[Decision]:
    met: list[tuple[OpioidCourse, Span, datetime]] = []
    for course in picture.opioids:
        if course.opioid.form.drug_class != _FULL or not course.opioid.form.systemic_opioid:
            continue
        spans = [
            (later(span.possible_end, waits(course.opioid.form.acting, picture.catalogue.policy)), span)
            for span in picture.seen_at(course, event.time)
        ]
        inside = [(until, span) for until, span in spans if event.time.earliest < until]
        if inside:
            until, span = max(inside, key=lambda one: one[0])
            met.append((course, span, until))
    start = max((until for _, _, until in met), default=None)
    return [
        Decision(
            rule=RULE,
            anchor=event,
            counterpart=shown_to(event, [reach_of(course, span, picture.catalogue)])[0].opioid.form.form_key,
            counterpart_key=course.opioid.key,
            severity=Severity.MODERATE,
            display=Display.QUEUE,
            start=start,
            explain=partial(_explain, picture, started, event, (course, span, until)),
        )
        for course, span, until in met
    ]


def _explain(
    picture: Picture, started: OpioidCourse, event: Event, met: tuple[OpioidCourse, Span, datetime]
) -> Explanation:
    course, span, until = met
    shown = shown_to(event, [reach_of(course, span, picture.catalogue)])[0]
    waiting = hours_text(waits(course.opioid.form.acting, picture.catalogue.policy))
    clock = (
        "there is no recorded end"
        if until == FOREVER
        else f"{utc_text(span.possible_end)} + {waiting} h = not before {utc_text(until)} by the clock"
    )
    own = [one for one in started.history.every_span() if one.entries[-1] is event.entry]
    return Explanation(
        reasons={Reason.PARTIAL_ON_FULL_AGONIST, *course.reasons_of(span)},
        sentences=[
            f"Buprenorphine is started while {opioid_text(shown)} may still act: it displaces the full agonist.",
            f"First dose: {clock}, and only with objective signs of withdrawal.",
            (
                "This is never a hold: delaying the treatment of opioid use disorder kills too, and a low-dose "
                "induction is legitimate."
            ),
        ],
        resting=[
            *(one for span_ in own[:1] for one in resting_on_opioid(started.opioid, span_)),
            *resting_on_opioid(shown.opioid, span),
        ],
        evidence_level="POLICY",
    )
