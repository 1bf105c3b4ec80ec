"""PK-01: a medicine that lengthens an opioid's half-life and that opioid are active together.

When   a prolonging medicine (direction prolong, multiplier above 1, systemic route) is active: from its first fill,
       order without a fill or report to the end of its supply and its carry-over
  and  an exposure to the victim opioid meets that interval, from its begin to its possible end
Then   moderate and interruptive if strong, prescribed, methadone or fentanyl, and the pair begins at most 14 days after
       the interacting medicine's first event; else info on the profile
Source MTD3, MTD9, OXY1, FEN1
Needs  orders, fills and reports of interacting medicines with route and supply; exposures to the opioid
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; food; how far the level really rises in this patient
Reasons EVIDENCE_SINGLE_REPORT, UNFILLED_PRESCRIPTION, RESTRICTED_SOURCE
Reading a possible exposure (an opioid order without a fill) is an opioid exposure like any other, so it forms pairs
       too, and an interacting medicine that was only ordered counts as prescribed. A pair begins when the later of
       the two begins; that one's event is the anchor (ties by key). Runs of fills without a gap are one exposure.
       Of several exposures that give one anchor and one counterpart, the worst and then the earliest pair is the
       finding.

Cases
| case                                                               | severity | display      |
|--------------------------------------------------------------------|----------|--------------|
| strong, prescribed, with methadone or fentanyl, and new (14 days)  | moderate | interruptive |
| any other pair                                                     | info     | profile      |
| by a local route: skin, eye, ear, vagina, inhaled, inside the nose | none     | -            |

Timeline
| time             | event                                     | finding        |
|------------------|-------------------------------------------|----------------|
| 2026-03-01 09:00 | fill methadone_oral, 30 days              |                |
| 2026-03-05 09:00 | fill ketoconazole, 10 days, route topical |                |
| 2026-03-10 09:00 | fill voriconazole, 10 days                | PK-01 moderate |
| 2026-03-12 09:00 | report otc ranitidine, ongoing            | PK-01 info     |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.reason_codes import interaction_reasons
from rx_clinical.findings.wording import hours_text, precipitant_text
from rx_clinical.history.context import RuleContext
from rx_clinical.model.facts import Report
from rx_clinical.model.findings import Display, Severity
from rx_clinical.rules.interactions.engine import (
    InteractionOverlap,
    decide_pairs,
    explain_pair,
    opioid_of,
    prolonging_pairs,
)
from rx_clinical.rules.rule import Family, Rule

_INTERRUPTS_WITH = frozenset({"methadone", "fentanyl"})


def rate(context: RuleContext, pair: InteractionOverlap) -> tuple[Severity, Display]:
    """Interrupt only for a new, strong, prescribed medicine with methadone or fentanyl."""
    row = pair.taken.interaction
    prescribed = not isinstance(pair.taken.period.entries[0].fact, Report)
    new = pair.begins_within(context.catalogue.policy.new_interaction)
    if row.strength == "strong" and prescribed and row.object_name in _INTERRUPTS_WITH and new:
        return Severity.MODERATE, Display.INTERRUPTIVE
    return Severity.INFO, Display.PROFILE


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per anchor and counterpart."""
    return decide_pairs(context, RULE.id, prolonging_pairs(context), partial(rate, context), partial(_explain, context))


def _explain(context: RuleContext, pair: InteractionOverlap) -> Explanation:
    shown = pair.shown(context)
    sentences = [
        (
            f"{pair.taken.interaction.name} and {opioid_of(context, pair)} are active together: higher and longer "
            "exposure, watch sedation."
        ),
        *precipitant_text([shown]),
        f"With it, an antagonist waits {hours_text(shown.lengths.policy)} h or longer after the last opioid dose.",
    ]
    return explain_pair(context, pair, sentences, interaction_reasons([shown]))


RULE = Rule("PK-01", Family.INTERACTIONS, needs=(FactBits.PROLONGING, FactBits.OPIOID), decide=decide)
