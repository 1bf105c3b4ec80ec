"""The medicines of the bench's event log by what they mean to the rules, coded as `prescriptions` codes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pharmacy.events.v1.event_pb2 import Coding, Medicine
from rx_clinical import Catalogue
from rx_clinical.catalogue.coding import code_medicine
from rx_clinical.catalogue.products import RXNORM
from rx_clinical.model import facts as core
from rx_clinical.model.codes import FormKey, RxNormCode


class Group(StrEnum):
    """What a medicine is to the rules."""

    ANTAGONIST = "antagonist"
    OPIOID = "opioid"
    OTHER = "other"  # some rule reads it
    IRRELEVANT = "irrelevant"


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product as a pharmacy states it: by RxNorm product code, or by ingredient and form."""

    text: str
    code: str = ""
    ingredient: str = ""
    form_key: str = ""
    route: str = "oral"
    daily_dose_mg: str = ""
    days_supply: str = "30"


_ANTAGONISTS = (
    Product(text="naltrexone 0.1 mg capsule", ingredient="7243", form_key="ntx_uldn", daily_dose_mg="0.1"),
    Product(text="naltrexone 0.5 mg capsule", ingredient="7243", form_key="ntx_uldn", daily_dose_mg="0.5"),
    Product(text="naltrexone 4.5 mg capsule", ingredient="7243", form_key="ntx_ldn", daily_dose_mg="4.5"),
    Product(text="Contrave 8/90", code="1551468", daily_dose_mg="16"),
    Product(text="naltrexone 50 mg tablet", code="1483744", daily_dose_mg="50"),
    Product(text="naltrexone 50 mg tablet, two a day", code="1483744", daily_dose_mg="100"),
    Product(text="naltrexone 50 mg tablet, dose not stated", code="1483744"),
    Product(text="Lybalvi 10/10", code="2570399", daily_dose_mg="10"),
    Product(text="nalmefene 18 mg tablet", ingredient="31479", form_key="nalmefene", daily_dose_mg="18"),
    Product(text="naltrexone 380 mg injection", code="637213", route="im", days_supply="28"),
)
_OPIOIDS = (
    Product(text="oxycodone 5 mg / acetaminophen 325 mg tablet", code="1049221", days_supply="7"),
    Product(text="hydrocodone 7.5 mg / acetaminophen 325 mg tablet", code="857005", days_supply="5"),
    Product(text="tramadol 50 mg tablet", code="835603", days_supply="10"),
    Product(text="oxycodone 10 mg 12 h tablet", code="1049504"),
    Product(text="methadone 10 mg tablet", code="864706"),
    Product(text="fentanyl 25 ug/h patch", code="245134", route="transdermal"),
    Product(text="buprenorphine 8 mg sublingual tablet", code="351265", route="sublingual", days_supply="14"),
)
_OTHERS = (
    Product(text="ranitidine 150 mg tablet", ingredient="9143"),
    Product(text="sertraline 100 mg tablet", code="312938", days_supply="90"),
    Product(text="clopidogrel 75 mg tablet", code="309362", days_supply="90"),
    Product(text="levothyroxine 75 ug tablet", code="966222", days_supply="90"),
    Product(text="verapamil 80 mg tablet", code="897685"),
    Product(text="fluconazole 150 mg tablet", ingredient="4450", days_supply="7"),
)
_IRRELEVANT = (
    Product(text="allopurinol 100 mg tablet", code="197319", days_supply="90"),
    Product(text="naproxen 500 mg tablet", code="198014"),
    Product(text="carvedilol 12.5 mg tablet", code="200032", days_supply="90"),
    Product(text="irbesartan 150 mg tablet", code="200095", days_supply="90"),
    Product(text="aspirin 81 mg tablet", code="243670", days_supply="90"),
    Product(text="albuterol solution", code="245314", route="inhaled"),
    Product(text="atorvastatin 80 mg tablet", code="259255", days_supply="90"),
    Product(text="amlodipine 2.5 mg tablet", code="308136", days_supply="90"),
    Product(text="amoxicillin 250 mg capsule", code="308182", days_supply="10"),
    Product(text="ferrous sulfate 325 mg tablet", code="310325"),
    Product(text="hydrochlorothiazide 25 mg tablet", code="310798", days_supply="90"),
    Product(text="ibuprofen 200 mg tablet", code="310965"),
    Product(text="lisinopril 5 mg tablet", code="311354", days_supply="90"),
)
PRODUCTS: Mapping[Group, tuple[Product, ...]] = {
    Group.ANTAGONIST: _ANTAGONISTS,
    Group.OPIOID: _OPIOIDS,
    Group.OTHER: _OTHERS,
    Group.IRRELEVANT: _IRRELEVANT,
}


def coded(product: Product, catalogue: Catalogue) -> tuple[Medicine, bool]:
    """Return the medicine of an event, and whether a rule could read it. Raises ValueError on an unknown part."""
    codings = [(RXNORM, product.code)] if product.code else []
    stated = core.Medicine(
        text=product.text,
        ingredients=(RxNormCode(product.ingredient),) if product.ingredient else (),
        form_key=FormKey(product.form_key) or None,
    )
    found = code_medicine(stated, codings, catalogue)
    if not found.known:
        raise ValueError(f"the catalogue does not know {product.text}")
    medicine = Medicine(
        text=product.text,
        codings=[Coding(system=system, code=code) for system, code in codings],
        coded=found.medicine.coded,
        ingredients=found.medicine.ingredients,
        form_key=found.medicine.form_key or "",
        product_code=found.medicine.product_code or "",
        route=product.route,
        daily_dose_mg=product.daily_dose_mg,
        days_supply=product.days_supply,
    )
    return medicine, found.relevant
