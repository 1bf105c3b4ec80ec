"""LD-02: low-dose naltrexone beside transplant immunosuppression.

When   naltrexone of at most 5 mg a day is supplied
  and  a transplant is on record, or systemic cyclosporine, tacrolimus or sirolimus is active in that time
   or  mycophenolate or azathioprine alone is active in that time
Then   major, in the worklist: the transplant team confirms; mycophenolate or azathioprine alone: info on the profile
Source SEED2
Needs  supply of naltrexone with the daily dose; recorded transplants; supply of immunosuppressants with the route
Cannot see a transplant that nobody recorded; levels of the immunosuppressant
Reasons TRANSPLANT_IMMUNOSUPPRESSION

Cases
| case                                                          | severity | display |
|---------------------------------------------------------------|----------|---------|
| transplant, or systemic cyclosporine, tacrolimus or sirolimus | major    | queue   |
| mycophenolate or azathioprine alone                           | info     | profile |
| by a local route: tacrolimus ointment, cyclosporine eye drops | none     | -       |

Timeline
| time             | event                        | finding         |
|------------------|------------------------------|-----------------|
| 2026-03-01 09:00 | fill azathioprine, 90 days   |                 |
| 2026-03-10 09:00 | fill ntx_ldn 1.5 mg, 30 days | LD-02 info      |
| 2026-03-20 09:00 | fact transplant: kidney      | LD-02 withdrawn |
|                  |                              | LD-02 major     |

Timeline: ointment, then capsules
| time             | event                                   | finding     |
|------------------|-----------------------------------------|-------------|
| 2026-03-01 09:00 | fill ntx_ldn 1.5 mg, 30 days            |             |
| 2026-03-05 09:00 | fill tacrolimus, 30 days, route topical |             |
| 2026-03-10 09:00 | fill tacrolimus, 30 days, route oral    | LD-02 major |
"""

from dataclasses import dataclass
from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.ldn.engine import Intake, low_dose_intakes
from rx_clinical.rules.rule import Family, Rule

_MAJOR = "transplant"
_INFO = "immunosuppressant"


@dataclass(frozen=True, slots=True)
class ImmunosuppressionOverlap:
    """A transplant or an immunosuppressant in the time of the supply."""

    key: str  # ingredient code, or `transplant`
    name: str
    major: bool
    entries: tuple[Entry, ...]


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per supply and what it meets."""
    return [
        _decision(intake, overlap)
        for intake in low_dose_intakes(context)
        for overlap in _counted(_overlaps(context, intake))
    ]


def _overlaps(context: RuleContext, intake: Intake) -> list[ImmunosuppressionOverlap]:
    found = [
        ImmunosuppressionOverlap("transplant", "a recorded transplant", major=True, entries=(Entry(fact),))
        for fact in context.patient.standing("transplant", intake.at, intake.until)[-1:]
    ]
    for taken in context.partners:
        partner = context.catalogue.partners[taken.key]
        period = taken.meeting(intake.at, intake.until)
        if partner.group in (_MAJOR, _INFO) and period is not None:
            found.append(
                ImmunosuppressionOverlap(taken.key, partner.name, major=partner.group == _MAJOR, entries=period.entries)
            )
    return found


def _counted(overlaps: list[ImmunosuppressionOverlap]) -> list[ImmunosuppressionOverlap]:
    """Drop mycophenolate and azathioprine beside anything major: they count on their own only."""
    major = [overlap for overlap in overlaps if overlap.major]
    return major or overlaps


def _decision(intake: Intake, overlap: ImmunosuppressionOverlap) -> Decision:
    return Decision(
        rule=RULE.id,
        anchor=intake.event,
        counterpart=overlap.key,
        counterpart_key=(overlap.key, ""),
        severity=Severity.MAJOR if overlap.major else Severity.INFO,
        display=Display.QUEUE if overlap.major else Display.PROFILE,
        requires_confirmation=overlap.major,
        explain=partial(_explain, intake, overlap),
    )


def _explain(intake: Intake, overlap: ImmunosuppressionOverlap) -> Explanation:
    ask = "The transplant team must confirm." if overlap.major else "Tell the prescriber."
    return Explanation(
        reasons={Reason.TRANSPLANT_IMMUNOSUPPRESSION},
        sentences=[f"{intake.text} beside {overlap.name}: it may counter the immunosuppression. {ask}"],
        basis=[*intake.basis, *(BasisItem(BasisRole.PATIENT, overlap.name, None, entry) for entry in overlap.entries)],
        evidence_level=EvidenceLevel.SEED_CLAIM_ONLY,
    )


RULE = Rule("LD-02", Family.LDN, needs=(FactBits.ANTAGONIST, FactBits.PARTNER | FactBits.PATIENT), decide=decide)
