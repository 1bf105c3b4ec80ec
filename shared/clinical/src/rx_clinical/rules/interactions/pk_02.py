"""PK-02: food that raises an opioid's level without lengthening its half-life.

When   a medicine or food of an exposure_only row (grapefruit) and its opioid are active together
Then   info on the profile: advise to avoid it; no window changes
Source MTD7 (methadone AUC +17 %, half-life unchanged)
Needs  reports of grapefruit; exposures to methadone or fentanyl
Cannot see what the patient eats and drinks, unless somebody reports it
Reasons UNFILLED_PRESCRIPTION, RESTRICTED_SOURCE

Cases
| case                                          | severity | display |
|-----------------------------------------------|----------|---------|
| grapefruit and its opioid are active together | info     | profile |

Timeline
| time             | event                                | finding    |
|------------------|--------------------------------------|------------|
| 2026-03-01 09:00 | fill methadone_oral, 30 days         |            |
| 2026-03-05 09:00 | report otc grapefruit juice, ongoing | PK-02 info |
"""

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision
from rx_clinical.history.context import RuleContext
from rx_clinical.rules.interactions.engine import InteractionOverlap, decide_info_pairs, opioid_of
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per anchor and counterpart."""
    return decide_info_pairs(context, RULE.id, _sentence_text)


def _sentence_text(context: RuleContext, pair: InteractionOverlap) -> str:
    row = pair.taken.interaction
    return (
        f"{row.name} and {opioid_of(context, pair)} are taken together: more of the opioid is absorbed, its "
        f"half-life is unchanged ({row.measured_effect}). No window changes."
    )


RULE = Rule("PK-02", Family.INTERACTIONS, needs=(FactBits.MEETING, FactBits.OPIOID), decide=decide)
