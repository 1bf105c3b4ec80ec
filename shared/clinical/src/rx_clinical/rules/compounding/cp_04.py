"""CP-04: a supply that outlasts its beyond-use date.

When   compounded naltrexone is dispensed, or is to be
  and  the day of dispensing, or the last dose day = dispense date + days supply - 1, lies after the beyond-use date:
       that of the batch, or of a request the one asked for, capped by the limit of CP-03
Then   major: reduce the supply to what ends with that date
Source BUD1, BUD3
Needs  requests and batch records with the day of dispensing, days supply and beyond-use date
Cannot see what is left over at home; whether it is stored as the limit wants
Reasons SUPPLY_BEYOND_BUD

Cases
| case                                                                     | severity | display      |
|--------------------------------------------------------------------------|----------|--------------|
| the day of dispensing or of the last dose lies after the beyond-use date | major    | interruptive |
| on that date or before                                                   | none     | -            |

Timeline
| time             | event                                                    | finding                      |
|------------------|----------------------------------------------------------|------------------------------|
| 2026-01-01 09:00 | compound oral solution 1 mg/mL, 30 days, vehicle "water" | CP-04 major, at most 14 days |

Timeline: from a batch
| time | event | finding |
| --- | --- | --- |
| 2026-06-01 09:00 | batch B, use by 2026-06-29, dispensed U on 2026-05-31 for 30 days |  |
| 2026-06-02 09:00 | batch B, use by 2026-06-29, dispensed U on 2026-06-01 for 30 days | CP-04 major, at most 29 days |
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

from rx_clinical.catalogue.beyond_use import beyond_use_date, day_of, days_until, last_day
from rx_clinical.catalogue.compounding import ANY_COMPONENT
from rx_clinical.catalogue.compounding_request import request_text, requests
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.wording import number_text
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import BatchRecord, CompoundRequest
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.compounding.batches import BatchEvent, batch_text, batches
from rx_clinical.rules.rule import Family, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What is dispensed of a preparation, and how long that may be used."""

    fact: CompoundRequest | BatchRecord
    text: str
    unit: str | None  # reference of a dispensed unit
    dispensed: date
    days: Decimal | None  # None = missing
    bud: date
    assumed: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def last_dose(self) -> date:
        """Day of the last dose; without days supply, the day of dispensing."""
        return last_day(self.dispensed, max(self.days or Decimal(1), Decimal(1)))


def supplies(context: RuleContext) -> Iterator[Supply]:
    """Yield every supply that is requested or dispensed."""
    for request in requests(context.chart.compounding):
        limit = context.catalogue.compounding.limit(request)
        yield Supply(
            fact=request,
            text=request_text(request),
            unit=None,
            dispensed=day_of(request.occurred),
            days=request.days_supply,
            bud=beyond_use_date(request, limit.days),
            assumed=limit.assumed,
            sources=limit.sources,
        )
    for batch in batches(context.chart.compounding):
        for unit in batch.dispensed:
            yield Supply(
                fact=batch,
                text=batch_text(batch),
                unit=unit.reference,
                dispensed=unit.dispensed_on,
                days=unit.days_supply,
                bud=batch.bud,
            )


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per request, and one per dispensed unit."""
    return [
        Decision(
            rule=RULE.id,
            anchor=BatchEvent(Entry(supply.fact), supply.fact.occurred),
            counterpart=supply.unit,
            counterpart_key=("unit", supply.unit) if supply.unit else ("", ""),
            severity=Severity.MAJOR,
            display=Display.INTERRUPTIVE,
            max_days_supply=days_until(supply.dispensed, supply.bud),
            explain=partial(_explain, supply),
        )
        for supply in supplies(context)
        if supply.last_dose > supply.bud
    ]


def _explain(supply: Supply) -> Explanation:
    unit = f", unit {supply.unit}" if supply.unit else ""
    if supply.dispensed > supply.bud or supply.days is None:
        late = f"dispensed {supply.dispensed}"
    else:
        late = f"last dose day {supply.dispensed} + {number_text(supply.days)} days - 1 = {supply.last_dose}"
    return Explanation(
        reasons={Reason.SUPPLY_BEYOND_BUD},
        sentences=[
            f"{supply.text}{unit}: {late}, after the beyond-use date {supply.bud}.",
            f"At most {days_until(supply.dispensed, supply.bud)} days can be supplied from {supply.dispensed}.",
            *(f"Here {assumed}." for assumed in supply.assumed),
        ],
        basis=[BasisItem(BasisRole.DEFICIENT, supply.text, None, Entry(supply.fact))],
        assumptions=[*supply.assumed, ANY_COMPONENT],
        sources=supply.sources,
        evidence_level=EvidenceLevel.REFERENCE_LIST,
    )


RULE = Rule("CP-04", Family.COMPOUNDING, needs=(FactBits.COMPOUNDING,), decide=decide)
