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
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.ldn.engine import Intake, intakes, low_dose
from rx_clinical.rules.rule import Family, Rule

_MAJOR = "transplant"
_INFO = "immunosuppressant"


@dataclass(frozen=True, slots=True)
class OpioidConflict:
    """A transplant or an immunosuppressant in the time of the supply."""

    key: str  # ingredient code, or `transplant`
    name: str
    major: bool
    entries: tuple[Entry, ...]


def decide(context: RuleContext) -> list[Decision]:
    """One decision a supply and what it meets."""
    return [_decision(intake, met) for intake in low_dose(intakes(context)) for met in _counted(_met(context, intake))]


def _met(context: RuleContext, intake: Intake) -> list[OpioidConflict]:
    found = [
        OpioidConflict("transplant", "a recorded transplant", major=True, entries=(Entry(fact),))
        for fact in context.patient.standing("transplant", intake.at, intake.until)[-1:]
    ]
    for taken in context.partners:
        partner = context.catalogue.partners[taken.key]
        period = taken.meeting(intake.at, intake.until)
        if partner.group in (_MAJOR, _INFO) and period is not None:
            found.append(OpioidConflict(taken.key, partner.name, major=partner.group == _MAJOR, entries=period.entries))
    return found


def _counted(met: list[OpioidConflict]) -> list[OpioidConflict]:
    """Mycophenolate and azathioprine count on their own only."""
    major = [one for one in met if one.major]
    return major or met


def _decision(intake: Intake, met: OpioidConflict) -> Decision:
    return Decision(
        rule=RULE.id,
        anchor=intake.event,
        counterpart=met.key,
        counterpart_key=(met.key, ""),
        severity=Severity.MAJOR if met.major else Severity.INFO,
        display=Display.QUEUE if met.major else Display.PROFILE,
        requires_confirmation=met.major,
        explain=partial(_explain, intake, met),
    )


def _explain(intake: Intake, met: OpioidConflict) -> Explanation:
    ask = "The transplant team must confirm." if met.major else "Tell the prescriber."
    return Explanation(
        reasons={Reason.TRANSPLANT_IMMUNOSUPPRESSION},
        sentences=[f"{intake.text} beside {met.name}: it may counter the immunosuppression. {ask}"],
        basis=[*intake.basis, *(BasisItem("patient", met.name, None, entry) for entry in met.entries)],
        evidence_level="SEED_CLAIM_ONLY",
    )


RULE = Rule("LD-02", Family.LDN, needs=(FactBits.ANTAGONIST, FactBits.PARTNER | FactBits.PATIENT), decide=decide)
