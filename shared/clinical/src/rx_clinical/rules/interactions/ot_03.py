"""OT-03: alvimopan after more than a week of an opioid.

When   alvimopan is ordered, filled, given, or reported as begun (ongoing without a start: at some time in the 30 days
       before the report)
  and  recorded opioid supply, over all opioids, runs for more than 7 consecutive days (gaps of up to 24 h join; an
       injected depot lasts for its half-lives) and reaches to within 24 h before it
Then   contraindicated: the gut has become more sensitive
Source ALV1
Needs  orders, fills and doses of alvimopan; recorded supply of opioids
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; opioids given in hospital before
Reasons supply, OPIOID_EVIDENCE_POSITIVE

Cases
| case                                            | severity        | display      |
|-------------------------------------------------|-----------------|--------------|
| more than 7 consecutive days of opioid up to it | contraindicated | interruptive |
| 7 days or fewer                                 | none            | OT-02        |

Timeline
| time             | event                      | finding               |
|------------------|----------------------------|-----------------------|
| 2026-03-01 09:00 | fill oxycodone_ir, 10 days |                       |
| 2026-03-10 09:00 | give alvimopan, inpatient  | OT-03 contraindicated |

Timeline: seven days
| time             | event                     | finding |
|------------------|---------------------------|---------|
| 2026-03-01 09:00 | fill oxycodone_ir, 7 days |         |
| 2026-03-08 09:00 | give alvimopan, inpatient |         |
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from rx_clinical.catalogue.policy import Policy
from rx_clinical.findings.decisions import Decision, Explanation, Resting
from rx_clinical.findings.render import resting_on_opioid
from rx_clinical.findings.wording import days_text, opioid_text, shown_to
from rx_clinical.history.co_medication import MedicineHistory
from rx_clinical.history.context import OpioidCourse, Picture, acts_for, certain_end, reach_of
from rx_clinical.history.exposure_period import Event, Span, begin_unknown
from rx_clinical.model.facts import Report
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.washout import EPOCH, later
from rx_clinical.rules.interactions.overlaps import ABOUT_ENDS

RULE = "OT-03"
_FORM = "alvimopan"
_Taken = tuple[OpioidCourse, Span, datetime]


def applies(picture: Picture, peripheral: MedicineHistory, span: Span) -> bool:
    """Alvimopan, and more than a week of opioid up to it."""
    return peripheral.key == _FORM and bool(_met(picture, span))


def decide(picture: Picture) -> list[Decision]:
    """One decision an alvimopan event and opioid form in that week."""
    return [
        _decision(picture, span, course, exposures)
        for peripheral in picture.peripherals
        if peripheral.key == _FORM
        for span in (*peripheral.supply.spans, *peripheral.others)
        for course, exposures in _met(picture, span).items()
    ]


def _met(picture: Picture, span: Span) -> dict[OpioidCourse, list[Span]]:
    """The exposures that make up the consecutive days before an alvimopan event; nothing where they are too few."""
    taken = [
        (course, exposure, end)
        for course in picture.opioids
        for exposure in course.history.spans()
        if (end := certain_end(exposure, acts_for(course, picture.catalogue))) is not None
    ]
    runs = (_run(taken, at, picture.catalogue.policy) for at in _begun(span, [end for _, _, end in taken]))
    return next(filter(None, runs), {})


def _begun(span: Span, ends: list[datetime]) -> list[datetime]:
    """When alvimopan was begun; where only the days are known in which it was, each moment that could matter."""
    fact = span.entries[-1].fact
    if not isinstance(fact, Report):
        return [span.entries[-1].begin.earliest]
    if not begin_unknown(fact):
        return [span.begin.earliest]
    latest = fact.occurred.latest
    return [latest, *sorted((end for end in ends if span.begin.earliest <= end < latest), reverse=True)]


def _run(taken: Iterable[_Taken], at: datetime, policy: Policy) -> dict[OpioidCourse, list[Span]]:
    """What was taken on consecutive days up to a moment, by form, the last first."""
    back_to, last = at, EPOCH
    joined: dict[OpioidCourse, list[Span]] = {}
    for course, exposure, end in sorted(taken, key=lambda one: one[2], reverse=True):
        if exposure.begin.earliest <= at and later(min(end, at), policy.therapeutic_gap) >= back_to:
            joined.setdefault(course, []).append(exposure)
            last = max(last, end)
            back_to = min(back_to, exposure.begin.earliest)
    return joined if later(back_to, policy.therapeutic_days) < min(at, last) else {}


def _decision(picture: Picture, span: Span, course: OpioidCourse, exposures: list[Span]) -> Decision:
    anchor = Event(span.entries[-1], span.entries[-1].begin)
    shown = shown_to(anchor, [reach_of(course, exposures[0], picture.catalogue)])[0]
    return Decision(
        rule=RULE,
        anchor=anchor,
        counterpart=shown.opioid.form.form_key,
        counterpart_key=course.opioid.key,
        severity=Severity.CONTRAINDICATED,
        display=Display.INTERRUPTIVE,
        explain=partial(_explain, picture, anchor, course, exposures),
    )


def _explain(picture: Picture, anchor: Event, course: OpioidCourse, exposures: list[Span]) -> Explanation:
    shown = shown_to(anchor, [reach_of(course, exposures[0], picture.catalogue)])[0]
    days = days_text(picture.catalogue.policy.therapeutic_days)
    return Explanation(
        reasons={reason for exposure in exposures for reason in course.reasons_of(exposure)} - ABOUT_ENDS,
        sentences=[
            (
                f"Alvimopan after more than {days} consecutive days of {opioid_text(shown)}: the gut has become more "
                "sensitive."
            ),
            "Do not give it; call the prescriber.",
        ],
        resting=[
            Resting("antagonist", "alvimopan", _FORM, anchor.entry),
            *(resting for exposure in exposures for resting in resting_on_opioid(shown.opioid, exposure)),
        ],
        evidence_level="LABEL",
    )
