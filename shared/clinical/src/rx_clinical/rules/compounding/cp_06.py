"""CP-06: the strength in a text of naltrexone may be misread.

When   the product text or the directions of naltrexone, or the preparation of a request, hold a trailing zero (5.0 mg),
       a naked decimal point (.5 mg), a decimal comma (0,5 mg), or milligrams and micrograms that do not agree
   or  state a strength that is 10, 100 or 1000 times the structured dose, or such a part of it, and no number of
       capsules and no commercial tablet accounts for it
Then   major: double check. One wrong place makes 0.5 mg 5 or 50 mg; structured numbers alone never raise this
Source POLICY
Needs  product text and directions of naltrexone, and the structured dose beside them; requests
Cannot see handwriting; what was said on the telephone
Reasons none of its own

Cases
| case                                        | severity | display      |
|---------------------------------------------|----------|--------------|
| a text that may be misread, to be confirmed | major    | interruptive |
| a structured number, however high           | none     | -            |

Timeline
| time             | event                                                          | finding     |
|------------------|----------------------------------------------------------------|-------------|
| 2026-03-01 09:00 | fill ntx_ldn 4.5 mg, 30 days, text "naltrexone 4.5 mg capsule" |             |
| 2026-03-02 09:00 | fill ntx_uldn 0.5 mg, 30 days, text "naltrexone .5 mg capsule" | CP-06 major |
| 2026-03-03 09:00 | fill ntx_ldn 4.5 mg, 30 days, text "naltrexone 45 mg capsule"  | CP-06 major |
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache, partial

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.compounding_request import request_text, requests
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.wording import dose_in_words, product_text
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import CompoundRequest, Medicine
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.rules.compounding.strengths import (
    Doubt,
    ambiguities,
    by_volume,
    commercial_tablets,
    concentration_slips,
    counts,
    naltrexone_entries,
    slips,
    strengths,
)
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per event of naltrexone, and one per request."""
    return [
        Decision(
            rule=RULE.id,
            anchor=Event(entry, entry.begin),
            severity=Severity.MAJOR,
            display=Display.INTERRUPTIVE,
            requires_confirmation=True,
            explain=partial(_explain, entry, found),
        )
        for entry in _entries(context)
        if (found := doubts_of(entry, context.catalogue))
    ]


def _entries(context: RuleContext) -> Iterator[Entry]:
    """Yield what has texts to read; filled orders too, because the fill may have misread them."""
    kept = naltrexone_entries(context)
    yield from kept
    forms = {entry.roles.supply_key for entry in kept}
    yield from (order for order in context.chart.orders if order.filled and order.roles.supply_key in forms)
    yield from (Entry(request) for request in requests(context.chart.compounding))


def doubts_of(entry: Entry, catalogue: Catalogue) -> list[Doubt]:
    """Return what may be misread in the texts of an event."""
    if isinstance(entry.fact, CompoundRequest):
        return _of_request(entry.fact, catalogue)
    return _of_medicine(entry.medicine, catalogue)


@lru_cache(maxsize=20_000)  # the same products and directions come back with every refill
def _of_medicine(medicine: Medicine, catalogue: Catalogue) -> list[Doubt]:
    found = [*ambiguities(f"{medicine.text} ; {medicine.directions}", catalogue.names)]
    if medicine.daily_dose_mg:
        found += _of_dose(medicine, medicine.daily_dose_mg, catalogue)
    return list(dict.fromkeys(found))


def _of_request(request: CompoundRequest, catalogue: Catalogue) -> list[Doubt]:
    text = request.preparation
    found = [*ambiguities(text, catalogue.names)]
    if request.strength_mg:
        found += slips(text, request.strength_mg)
    if request.strength_mg_per_ml:
        found += concentration_slips(text, request.strength_mg_per_ml)
    return found


def _of_dose(medicine: Medicine, dose_mg: Decimal, catalogue: Catalogue) -> list[Doubt]:
    """Compare strengths with the structured dose; several capsules a day and divided tablets explain some."""
    many = [dose_mg / count for count in counts(medicine.directions) if count]
    if medicine.quantity and medicine.days_supply:
        many.append(dose_mg * medicine.days_supply / medicine.quantity)
    tablet_mg = catalogue.policy.tablet_strength
    divided = by_volume(medicine.directions) or catalogue.names.made_at_home(f"{medicine.text} {medicine.directions}")
    tablets = commercial_tablets(medicine, catalogue)
    held = any(strength.of_tablet and strength.mg == tablet_mg for strength in strengths(medicine.text))
    return [
        *slips(medicine.text, dose_mg, explained=[*many, *([tablet_mg] if tablets or held else [])]),
        *slips(medicine.directions, dose_mg, explained=[*many, *([tablet_mg] if divided else [])]),
    ]


def _explain(entry: Entry, found: list[Doubt]) -> Explanation:
    if isinstance(entry.fact, CompoundRequest):
        name, dose_mg = request_text(entry.fact), entry.fact.strength_mg
    else:
        name, dose_mg = product_text("naltrexone", entry.medicine), entry.medicine.daily_dose_mg
    doubts = "; ".join(f'"{doubt.written}": {doubt.why}' for doubt in found)
    read_back = f" On record: {dose_in_words(dose_mg)}." if dose_mg else ""
    return Explanation(
        sentences=[
            f"The strength in the text of {name} may be misread. {doubts}.",
            f"One wrong place changes the dose tenfold.{read_back} Read the dose back with its unit in words.",
        ],
        basis=[BasisItem(BasisRole.DEFICIENT, name, entry.medicine.form_key, entry)],
        evidence_level=EvidenceLevel.POLICY,
    )


RULE = Rule("CP-06", Family.COMPOUNDING, needs=(FactBits.ANTAGONIST | FactBits.COMPOUNDING,), decide=decide)
