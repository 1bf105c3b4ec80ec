"""OT-02: an antagonist that stays outside the brain beside an opioid: intended use.

When   methylnaltrexone, naloxegol, naldemedine or alvimopan and a systemic opioid are active together
  and  OT-03 does not apply
Then   info on the profile; with naltrexone it is a duplicate antagonist
Source PK11, GK
Needs  orders, fills and doses of peripheral antagonists; exposures to opioids
Cannot see a damaged barrier to the brain
Reasons supply

Cases
| case                                       | severity | display |
|--------------------------------------------|----------|---------|
| both active together                       | info     | profile |
| alvimopan after more than a week of opioid | none     | OT-03   |

Timeline
| time             | event                        | finding    |
|------------------|------------------------------|------------|
| 2026-03-01 09:00 | fill methadone_oral, 30 days |            |
| 2026-03-05 09:00 | fill naloxegol, 30 days      | OT-02 info |
"""

from functools import partial

from rx_clinical.findings.decisions import Decision, Explanation, Resting
from rx_clinical.findings.render import resting_on_opioid
from rx_clinical.findings.wording import opioid_text, shown_to
from rx_clinical.history.co_medication import MedicineHistory
from rx_clinical.history.context import OpioidCourse, Picture, acts_for, reach_of
from rx_clinical.model.findings import Display, Severity
from rx_clinical.rules.interactions import ot_03
from rx_clinical.rules.interactions.overlaps import ABOUT_ENDS, Overlap, earliest, meet

RULE = "OT-02"


def decide(picture: Picture) -> list[Decision]:
    """One decision an anchor and counterpart."""
    found: list[tuple[Overlap, Decision]] = []
    for peripheral in picture.peripherals:
        every = (*peripheral.supply.spans, *peripheral.others)
        spans = [span for span in every if not ot_03.applies(picture, peripheral, span)]
        for course in picture.opioids:
            for span in spans:
                for exposure in course.history.every_span():
                    if meet(span, exposure, lasting=acts_for(course, picture.catalogue)):
                        overlap = Overlap(span, exposure)
                        found.append((overlap, _decision(picture, peripheral, course, overlap)))
    return earliest(found)


def _decision(picture: Picture, peripheral: MedicineHistory, course: OpioidCourse, overlap: Overlap) -> Decision:
    shown = shown_to(overlap.anchor, [reach_of(course, overlap.other, picture.catalogue)])[0]
    return Decision(
        rule=RULE,
        anchor=overlap.anchor,
        counterpart=shown.opioid.form.form_key if overlap.one_is_later else peripheral.key,
        counterpart_key=course.opioid.key if overlap.one_is_later else (peripheral.key, ""),
        severity=Severity.INFO,
        display=Display.PROFILE,
        explain=partial(_explain, picture, peripheral, course, overlap),
    )


def _explain(picture: Picture, peripheral: MedicineHistory, course: OpioidCourse, overlap: Overlap) -> Explanation:
    form = picture.catalogue.drugs[peripheral.key]
    shown = shown_to(overlap.anchor, [reach_of(course, overlap.other, picture.catalogue)])[0]
    duplicate = ["Beside naltrexone it is a second antagonist."] if picture.antagonists else []
    return Explanation(
        reasons=(overlap.one.reasons | course.reasons_of(overlap.other)) - ABOUT_ENDS,
        sentences=[
            (
                f"{form.name} with {opioid_text(shown)} is intended: it acts on the gut. Withdrawal is rare, and "
                "possible where the barrier to the brain is damaged."
            ),
            *duplicate,
        ],
        resting=[
            *(Resting("antagonist", form.name, peripheral.key, entry) for entry in overlap.one.entries),
            *resting_on_opioid(shown.opioid, overlap.other),
        ],
        sources=form.sources,
        evidence_level="LABEL",
    )
