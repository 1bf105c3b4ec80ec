"""Codes the medicines of events with the catalogue, and names the parts that no table holds."""

from functools import lru_cache

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.coding import code_medicine
from rx_clinical.model.codes import FormKey, RxNormCode
from rx_clinical.model.facts import Medicine
from rx_contracts.edge import event as edge

from rx_ingest.model import UNNAMED_INGREDIENT, CodedMedicine, UncodedProduct

_CACHED_MEDICINES = 16_384


class Coder:
    """Codes medicines with one catalogue; caches the most recent ones."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._code = lru_cache(_CACHED_MEDICINES)(self._code_uncached)

    def code(self, medicine: edge.Medicine) -> CodedMedicine:
        """Return the coded medicine. `unknown` is empty only if the tables hold every part of it."""
        codings = tuple((coding.system, coding.code) for coding in medicine.codings)
        return self._code(codings, medicine.ingredients, medicine.form_key, medicine.text)

    def _code_uncached(
        self, codings: tuple[tuple[str, str], ...], ingredients: tuple[str, ...], form_key: str | None, text: str
    ) -> CodedMedicine:
        stated = Medicine(
            text=text, ingredients=tuple(map(RxNormCode, ingredients)), form_key=FormKey(form_key or "") or None
        )
        coded = code_medicine(stated, codings, self._catalogue)
        unknown = [_unknown_part(system, code, text) for system, code in coded.unknown_codes]
        if coded.unknown_form:
            unknown.append(UncodedProduct(display=coded.unknown_form))
        if not (coded.known or unknown):
            unknown.append(UncodedProduct(display=text))
        return CodedMedicine(
            coded=coded.medicine.coded,
            relevant=coded.relevant,
            ingredients=coded.medicine.ingredients,
            form_key=coded.medicine.form_key,
            product_code=coded.medicine.product_code,
            unknown=tuple(unknown),
        )


def _unknown_part(system: str, code: str, text: str) -> UncodedProduct:
    if code == UNNAMED_INGREDIENT:
        return UncodedProduct(display=text)
    return UncodedProduct(system=system, code=code, display=text)
