"""CP-03: the beyond-use date asked for lies past the limit of the preparation.

When   naltrexone is to be compounded with a beyond-use date later than the day of compounding + (limit - 1) days; the
       day of compounding is Day 1
  and  the limit is 180 days for capsules, powders, troches and anhydrous bases, 90 for liquids in oil, 35 for preserved
       water (cream, gel, solution), 14 refrigerated for water without a preservative; of the studied 1 mg/mL liquid
       30 at room temperature, 35 refrigerated; the shortest of them for a preparation that is not known
Then   major: shorten it. One year of stable potency is evidence, never a beyond-use date
Source BUD1, BUD2, BUD3 (Day 1), STAB1 (the study itself), STAB2 (the liquid)
Needs  requests with preparation, strength, quantity, vehicle, preservative and storage; the day of compounding and
       the beyond-use date asked for
Cannot see the expiry of the components, which may be earlier; a stability study of the pharmacy's own
Reasons BUD_OVER_LIMIT

Cases
| case                                              | severity | display      |
|---------------------------------------------------|----------|--------------|
| the date asked for lies after the last usable day | major    | interruptive |
| on that day or before, or none is asked for       | none     | -            |

Timeline
| time             | event                                                         | finding                        |
|------------------|---------------------------------------------------------------|--------------------------------|
| 2026-01-01 09:00 | compound capsule 4.5 mg, 90 units, use by 2026-06-29          |                                |
| 2026-01-01 10:00 | compound capsule 4.5 mg, 90 units, use by 2027-01-01          | CP-03 major, use by 2026-06-29 |
| 2026-01-01 11:00 | compound solution 1 mg/mL, vehicle "water", use by 2026-01-31 | CP-03 major, use by 2026-01-14 |
"""

from functools import partial

from rx_clinical.catalogue.beyond_use import day_of
from rx_clinical.catalogue.compounding import ANY_COMPONENT, BeyondUseLimit, BudClass
from rx_clinical.catalogue.compounding_request import request_text, requests
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import CompoundRequest
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per request."""
    return [
        Decision(
            rule=RULE.id,
            anchor=Event(Entry(request), request.occurred),
            severity=Severity.MAJOR,
            display=Display.INTERRUPTIVE,
            max_bud=limit.last_day(day_of(request.occurred)),
            explain=partial(_explain, request, limit),
        )
        for request in requests(context.chart.compounding)
        for limit in (context.catalogue.compounding.limit(request),)
        if request.requested_bud is not None and request.requested_bud > limit.last_day(day_of(request.occurred))
    ]


def _explain(request: CompoundRequest, limit: BeyondUseLimit) -> Explanation:
    compounded = day_of(request.occurred)
    last = limit.last_day(compounded)
    sentences = [
        f"{request_text(request)}: beyond-use date {request.requested_bud} asked for.",
        f"The limit is {limit.days} days ({limit.preparation}; storage: {limit.storage}).",
        f"The day of compounding is Day 1: {compounded} + ({limit.days} - 1) days = {last}, the last usable day.",
    ]
    if limit.bud_class is BudClass.OTHER_NONAQUEOUS:
        sentences.append("One year of stable potency is evidence of stability, never a beyond-use date.")
    return Explanation(
        reasons={Reason.BUD_OVER_LIMIT},
        sentences=[*sentences, *(f"Here {assumed}." for assumed in limit.assumed)],
        basis=[BasisItem(BasisRole.DEFICIENT, request_text(request), None, Entry(request))],
        assumptions=[*limit.assumed, ANY_COMPONENT],
        sources=limit.sources,
        evidence_level=EvidenceLevel.REFERENCE_LIST,
    )


RULE = Rule("CP-03", Family.COMPOUNDING, needs=(FactBits.COMPOUNDING,), decide=decide)
