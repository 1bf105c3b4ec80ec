"""OT-01: loperamide or diphenoxylate beside naltrexone.

When   an antidiarrhoeal opioid at a dose that stays in the gut and a systemic antagonist or depot are active together
Then   info on the profile: it may not work. Loperamide stated above 16 mg a day, or misused, is an opioid to WR and BL
Source VIV4, GK
Needs  supply and reports of loperamide and diphenoxylate, with the daily dose; supply of the antagonist
Cannot see loperamide that is bought and not reported
Reasons REDUCED_BENEFIT

Cases
| case                                                                    | severity | display   |
|-------------------------------------------------------------------------|----------|-----------|
| both active together; loperamide at most 16 mg a day or of unknown dose | info     | profile   |
| loperamide stated above 16 mg a day, or misused                         | none     | WR and BL |

Timeline
| time             | event                               | finding    |
|------------------|-------------------------------------|------------|
| 2026-03-01 09:00 | fill ntx_oral 50 mg, 30 days        |            |
| 2026-03-05 09:00 | report otc loperamide 8 mg, ongoing | OT-01 info |

Timeline: above the dose that stays in the gut
| time             | event                                | finding |
|------------------|--------------------------------------|---------|
| 2026-03-01 09:00 | report otc loperamide 40 mg, ongoing |         |
| 2026-03-05 09:00 | fill ntx_oral 50 mg, 30 days         |         |
"""

from datetime import timedelta
from functools import partial

from rx_clinical.findings.decisions import Decision, Explanation, Resting
from rx_clinical.findings.render import resting_on_antagonist
from rx_clinical.history.antagonist_exposure import AntagonistHistory
from rx_clinical.history.co_medication import MedicineHistory
from rx_clinical.history.context import Picture
from rx_clinical.history.exposure_period import Span
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.interactions.overlaps import Overlap, earliest, meet

RULE = "OT-01"


def decide(picture: Picture) -> list[Decision]:
    """One decision an anchor and counterpart."""
    found: list[tuple[Overlap, Decision]] = []
    for gut in picture.gut_opioids:
        for antagonist in picture.antagonists:
            blocks_for = picture.catalogue.policy.depot_block if antagonist.antagonist.depot else timedelta(0)
            for span in (*gut.supply.spans, *gut.others):
                for course in _systemic(picture, antagonist):
                    if meet(span, course, lasting=blocks_for):
                        overlap = Overlap(span, course)
                        found.append((overlap, _decision(picture, gut, antagonist, overlap)))
    return earliest(found)


def _systemic(picture: Picture, antagonist: AntagonistHistory) -> list[Span]:
    """The courses of a form at a dose of 1 mg a day or more."""
    return [start.span for start in picture.starts if start.history is antagonist and not start.dose.tier.ultra_low]


def _decision(picture: Picture, gut: MedicineHistory, antagonist: AntagonistHistory, overlap: Overlap) -> Decision:
    return Decision(
        rule=RULE,
        anchor=overlap.anchor,
        counterpart=antagonist.antagonist.counterpart if overlap.one_is_later else gut.key,
        counterpart_key=antagonist.antagonist.key if overlap.one_is_later else (gut.key, ""),
        severity=Severity.INFO,
        display=Display.PROFILE,
        explain=partial(_explain, picture, gut, antagonist, overlap),
    )


def _explain(picture: Picture, gut: MedicineHistory, antagonist: AntagonistHistory, overlap: Overlap) -> Explanation:
    form = picture.catalogue.drugs[gut.key]
    return Explanation(
        reasons={Reason.REDUCED_BENEFIT},
        sentences=[
            f"The antidiarrhoeal effect of {form.name} is reduced by {antagonist.antagonist.name}.",
            "At usual doses it does not reach the brain: no withdrawal is expected from it.",
        ],
        resting=[
            *(Resting("opioid", form.name, gut.key, entry) for entry in overlap.one.entries),
            *resting_on_antagonist(antagonist.antagonist, overlap.other.entries),
        ],
        sources=form.sources,
        evidence_level="LABEL",
    )
