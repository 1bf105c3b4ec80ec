"""PK-03: a prodrug opioid that a CYP2D6 inhibitor keeps from working.

When   a CYP2D6 inhibitor (the bupropion inside Contrave too) and codeine or tramadol are active together
Then   info on the profile: another analgesic; never more of the same
Source GK
Needs  orders, fills and reports of CYP2D6 inhibitors, inside other products too; exposures to codeine or tramadol
Cannot see the patient's CYP2D6 genotype
Reasons UNFILLED_PRESCRIPTION, RESTRICTED_SOURCE

Cases
| case                                                           | severity | display |
|----------------------------------------------------------------|----------|---------|
| a CYP2D6 inhibitor and codeine or tramadol are active together | info     | profile |

Timeline
| time             | event                               | finding    |
|------------------|-------------------------------------|------------|
| 2026-03-01 09:00 | fill product 1551468 32 mg, 30 days |            |
| 2026-03-10 09:00 | fill tramadol_ir, 5 days            | PK-03 info |
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
    return (
        f"{pair.taken.interaction.name} keeps the body from activating {opioid_of(context, pair)}: less pain "
        "relief, more of the parent drug. Do not raise the dose; choose another analgesic."
    )


RULE = Rule("PK-03", Family.INTERACTIONS, needs=(FactBits.MEETING, FactBits.OPIOID), decide=decide)
