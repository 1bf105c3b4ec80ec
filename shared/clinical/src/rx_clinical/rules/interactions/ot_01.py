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

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.render import antagonist_basis
from rx_clinical.history.antagonist_exposure import AntagonistExposure
from rx_clinical.history.co_medication import CoMedicationExposure
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.model.codes import EvidenceLevel, FormKey
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.interactions.overlaps import Overlap, earliest, meet
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per anchor and counterpart."""
    found: list[tuple[Overlap, Decision]] = []
    for gut in context.gut_opioids:
        for antagonist in context.antagonists:
            blocks_for = context.catalogue.policy.depot_block if antagonist.antagonist.depot else timedelta(0)
            for period in (*gut.supply.periods, *gut.others):
                for exposure in _systemic(context, antagonist):
                    if meet(period, exposure, lasting=blocks_for):
                        overlap = Overlap(period, exposure)
                        found.append((overlap, _decision(context, gut, antagonist, overlap)))
    return earliest(found)


def _systemic(context: RuleContext, antagonist: AntagonistExposure) -> list[ExposurePeriod]:
    """Return the courses of a form at a dose of 1 mg a day or more."""
    return [start.period for start in context.starts if start.exposure is antagonist and not start.dose.tier.ultra_low]


def _decision(
    context: RuleContext, gut: CoMedicationExposure[FormKey], antagonist: AntagonistExposure, overlap: Overlap
) -> Decision:
    return Decision(
        rule=RULE.id,
        anchor=overlap.anchor,
        counterpart=antagonist.antagonist.counterpart if overlap.one_is_later else gut.key,
        counterpart_key=antagonist.antagonist.key if overlap.one_is_later else (gut.key, ""),
        severity=Severity.INFO,
        display=Display.PROFILE,
        explain=partial(_explain, context, gut, antagonist, overlap),
    )


def _explain(
    context: RuleContext, gut: CoMedicationExposure[FormKey], antagonist: AntagonistExposure, overlap: Overlap
) -> Explanation:
    form = context.catalogue.drugs[gut.key]
    return Explanation(
        reasons={Reason.REDUCED_BENEFIT},
        sentences=[
            f"The antidiarrhoeal effect of {form.name} is reduced by {antagonist.antagonist.name}.",
            "At usual doses it does not reach the brain: no withdrawal is expected from it.",
        ],
        basis=[
            *(BasisItem(BasisRole.OPIOID, form.name, gut.key, entry) for entry in overlap.one.entries),
            *antagonist_basis(antagonist.antagonist, overlap.other.entries),
        ],
        sources=form.sources,
        evidence_level=EvidenceLevel.LABEL,
    )


RULE = Rule("OT-01", Family.INTERACTIONS, needs=(FactBits.GUT_OPIOID, FactBits.ANTAGONIST), decide=decide)
