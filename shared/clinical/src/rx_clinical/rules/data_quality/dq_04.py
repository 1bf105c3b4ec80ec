"""DQ-04: an attestation that changes nothing.

When   a clinician's attestation or the disposal of stock names no clinician, no last dose or no opioid
   or  it is about a depot
   or  the stock is not accounted for and the opioid is not short-acting
   or  it is about a restricted source, or about nothing but orders without a fill
   or  an exposure after the attested dose, or recorded after the attestation, is not covered by it
Then   info on the profile: the recorded supply stands
Source POLICY
Needs  attestations and disposals with the name of the clinician, the last dose and the opioid
Cannot see whether the attestation is true
Reasons none of its own

Cases
| case                                | severity | display |
|-------------------------------------|----------|---------|
| an attestation that changes nothing | info     | profile |

Timeline
| time             | event                                                                  | finding    |
|------------------|------------------------------------------------------------------------|------------|
| 2026-03-01 09:00 | fill methadone_oral, 30 days                                           |            |
| 2026-03-20 09:00 | attest last dose of methadone at 2026-03-05 20:00                      | DQ-04 info |
| 2026-03-20 10:00 | attest last dose of methadone at 2026-03-05 20:00, stock accounted for |            |
| 2026-03-20 11:00 | dispose of methadone, nobody named                                     | DQ-04 info |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.evidence import ATTESTING, Ignored, uncovered, why_ignored
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import Evidence, Prescription
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.rule import Family, Rule


def reason_of(context: RuleContext, fact: Evidence) -> Ignored | None:
    """Return why the attestation is ignored, for any of the opioids that it names; None if it counts."""
    named = [exposure for exposure in context.opioids if exposure.opioid.ingredient in fact.ingredients]
    ignored = why_ignored(fact, [exposure.opioid for exposure in named])
    if ignored is not None:
        return ignored
    periods = [period for exposure in named for period in exposure.every_period()]
    if any(Reason.RESTRICTED_SOURCE in period.reasons for period in periods):
        return Ignored.RESTRICTED
    if periods and all(isinstance(period.entries[-1].fact, Prescription) for period in periods):
        return Ignored.ONLY_ORDERED
    return Ignored.UNCOVERED if uncovered(fact, named) else None


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per ignored attestation."""
    if context.attestations is None:
        return []
    return [
        Decision(
            rule=RULE.id,
            anchor=Event(Entry(fact), fact.occurred),
            severity=Severity.INFO,
            display=Display.PROFILE,
            explain=partial(_explain, fact, why),
        )
        for fact in context.attestations.evidence
        if fact.kind in ATTESTING and (why := reason_of(context, fact)) is not None
    ]


def _explain(fact: Evidence, why: Ignored) -> Explanation:
    return Explanation(
        sentences=[f"The attestation changes nothing: {why}. The recorded supply stands."],
        basis=[BasisItem(BasisRole.DEFICIENT, fact.kind.replace("_", " "), None, Entry(fact))],
        evidence_level=EvidenceLevel.POLICY,
    )


RULE = Rule("DQ-04", Family.DATA_QUALITY, needs=(FactBits.EVIDENCE,), decide=decide)
