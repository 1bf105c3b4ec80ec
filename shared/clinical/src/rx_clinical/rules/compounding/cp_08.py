"""CP-08: naltrexone of unknown strength, made at home from tablets.

When   a text of naltrexone names a preparation made at home
   or  50 mg tablets are supplied for less than 25 mg a day, or with directions in mL
Then   moderate, in the worklist: offer a pharmacy preparation. The strength is unknown and water without a preservative
       keeps 14 days refrigerated; the tier follows the computed dose
Source SEED1 (tablets in distilled water), BUD1
Needs  orders, fills and reports of naltrexone with product code, text, directions and daily dose
Cannot see tablets that are divided without a word; how the water is kept
Reasons none of its own

Cases
| case                                                                               | severity | display |
|------------------------------------------------------------------------------------|----------|---------|
| said to be made at home; 50 mg tablets below 25 mg a day, or with directions in mL | moderate | queue   |
| 50 mg tablets for 25 mg a day or more, taken as tablets                            | none     | -       |

Timeline
| time             | event                                                            | finding        |
|------------------|------------------------------------------------------------------|----------------|
| 2026-03-01 09:00 | fill product 1483744 50 mg, 30 days                              |                |
| 2026-03-02 09:00 | fill product 1483744 4.5 mg, 30 days                             | CP-08 moderate |
| 2026-03-03 09:00 | report history ntx_ldn 4.5 mg, text "home compounded naltrexone" | CP-08 moderate |
"""

from functools import lru_cache, partial

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.compounding_request import request_text, requests
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.wording import number_text, product_text
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import CompoundRequest, Medicine
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.rules.compounding.strengths import by_volume, commercial_tablets, naltrexone_entries
from rx_clinical.rules.rule import Family, Rule


def signs_of(entry: Entry, catalogue: Catalogue) -> list[str]:
    """Return the signs that the preparation is made at home, in words."""
    fact = entry.fact
    if isinstance(fact, CompoundRequest):
        return ["it is said to be made at home"] if catalogue.names.made_at_home(fact.preparation) else []
    return _of_medicine(entry.medicine, catalogue)


@lru_cache(maxsize=20_000)  # the same products and directions come back with every refill
def _of_medicine(medicine: Medicine, catalogue: Catalogue) -> list[str]:
    found = []
    if catalogue.names.made_at_home(f"{medicine.text} ; {medicine.directions}"):
        found.append("it is said to be made at home")
    if commercial_tablets(medicine, catalogue):
        tablets = f"{number_text(catalogue.policy.tablet_strength)} mg tablets are supplied"
        dose, least = medicine.daily_dose_mg, catalogue.policy.tablet_dose_below
        if dose is not None and dose < least:
            found.append(f"{tablets} for {number_text(dose)} mg a day, less than {number_text(least)} mg")
        if by_volume(medicine.directions):
            found.append(f"{tablets} with directions in mL")
    return found


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per event of naltrexone, and one per request."""
    entries = [*naltrexone_entries(context), *map(Entry, requests(context.chart.compounding))]
    return [
        Decision(
            rule=RULE.id,
            anchor=Event(entry, entry.begin),
            severity=Severity.MODERATE,
            display=Display.QUEUE,
            explain=partial(_explain, entry, found, context.catalogue),
        )
        for entry in entries
        if (found := signs_of(entry, context.catalogue))
    ]


def _explain(entry: Entry, found: list[str], catalogue: Catalogue) -> Explanation:
    fact, dose = entry.fact, entry.medicine.daily_dose_mg
    name = request_text(fact) if isinstance(fact, CompoundRequest) else product_text("naltrexone", entry.medicine)
    water = catalogue.compounding.water_limit
    counts = "unknown and treated as a standard dose" if dose is None else f"the computed {number_text(dose)} mg a day"
    return Explanation(
        sentences=[
            f"{name}: {'; '.join(found)}.",
            "The strength of a preparation made at home is unknown.",
            f"Water without a preservative keeps {water.days} days, refrigerated.",
            *([] if isinstance(fact, CompoundRequest) else [f"The dose that counts is {counts}."]),
        ],
        basis=[BasisItem(BasisRole.DEFICIENT, name, entry.medicine.form_key, entry)],
        sources=water.sources,
        evidence_level=EvidenceLevel.SEED_CLAIM_ONLY,
    )


RULE = Rule("CP-08", Family.COMPOUNDING, needs=(FactBits.ANTAGONIST | FactBits.COMPOUNDING,), decide=decide)
