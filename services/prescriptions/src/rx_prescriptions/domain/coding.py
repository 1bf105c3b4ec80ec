"""Medicine to ingredients and form, by code and never by text."""

from functools import lru_cache

from rx_clinical.catalogue import Catalogue
from rx_clinical.products import RXNORM
from rx_contracts import edge
from rx_contracts.fhir_mapping import UNNAMED_INGREDIENT

from rx_prescriptions.domain.model import CodedMedicine, UncodedProduct

_CACHED_MEDICINES = 16_384


class Coder:
    """Codes medicines with one catalogue and remembers the ones it has seen."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._code = lru_cache(_CACHED_MEDICINES)(self._code_uncached)

    def code(self, medicine: edge.Medicine) -> CodedMedicine:
        """What the medicine is.

        A form_key or ingredients of a compound identify it beside the codes; a given form_key wins. A compound with a
        part that matters is coded even if another part is unknown: the part that matters must be assessed, and the
        unknown one is named.
        """
        codings = tuple((coding.system, coding.code) for coding in medicine.codings)
        return self._code(codings, medicine.ingredients, medicine.form_key, medicine.text)

    def _code_uncached(
        self, codings: tuple[tuple[str, str], ...], given: tuple[str, ...], form_key: str | None, text: str
    ) -> CodedMedicine:
        product = self._catalogue.code_product(codings) if codings else None
        parts = {code: self._catalogue.code_product([(RXNORM, code)]) for code in given}
        form_known = form_key is not None and form_key in self._catalogue.drugs
        ingredients = set(product.ingredients if product else ())
        for code, part in parts.items():
            ingredients.update(part.ingredients if part else (code,))
        form = form_key or (product.form_key if product else None)
        relevant = self._catalogue.is_relevant(sorted(ingredients), form)
        unknown = [_unknown_part(code, text) for code, part in parts.items() if not part]
        identified = product is not None or form_known or bool(parts)
        if not identified:
            system, code = codings[0] if codings else ("", "")
            unknown.append(UncodedProduct(system=system, code=code, display=text or form_key or ""))
        return CodedMedicine(
            coded=identified and (relevant or not unknown),
            relevant=relevant,
            ingredients=tuple(sorted(ingredients)),
            form_key=form,
            product_code=product.product_code if product else None,
            unknown=tuple(unknown),
        )


def _unknown_part(code: str, text: str) -> UncodedProduct:
    if code == UNNAMED_INGREDIENT:
        return UncodedProduct(display=text)
    return UncodedProduct(system=RXNORM, code=code, display=text)
