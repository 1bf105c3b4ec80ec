"""Coding of medicines: from the codes that a source states to ingredients and form, never by text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rx_clinical.catalogue.catalogue import Catalogue, CodedProduct
from rx_clinical.catalogue.products import NDC, RXNORM
from rx_clinical.model.codes import FormKey, RxNormCode
from rx_clinical.model.facts import Medicine

_READ_SYSTEMS = (RXNORM, NDC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedMedicine:
    """A medicine with its codes resolved.

    `known`: all its parts are in the tables, so that finding nothing is conclusive. `relevant`: some part concerns a
    rule. Only an event whose medicine is known and not relevant may be skipped.
    """

    medicine: Medicine  # its `coded`: the core can assess it, at least the relevant part
    known: bool
    relevant: bool
    unknown_codes: tuple[tuple[str, str], ...] = ()  # (system, code): of the product, then of ingredients
    unknown_form: FormKey | None = None


def code_medicine(stated: Medicine, codings: Sequence[tuple[str, str]], catalogue: Catalogue) -> CodedMedicine:
    """Return the medicine with its parts resolved: `codings` of the product as (system, code), ingredients, form_key.

    The codings are codes of one product, so one known coding is enough. If none is known, an RxNorm code or NDC makes
    the medicine unknown even beside known parts; a code of another system is ignored and needs a known part beside it.
    A form_key of the tables overrides the form of the product. A relevant part makes the medicine `coded` even if
    another part is unknown.
    """
    product = catalogue.code_product(codings) if codings else None
    parts = {code: catalogue.code_product([(RXNORM, code)]) for code in stated.ingredients}
    form_known = stated.form_key in catalogue.drugs
    unknown_form = None if form_known else stated.form_key
    identified = product is not None or bool(parts) or form_known
    unknown_codes = (
        *(() if product else _unread_coding(codings, identified=identified)),
        *((RXNORM, code) for code, part in parts.items() if part is None),
    )
    ingredients = _ingredients(product, parts)
    form_key = stated.form_key if form_known else (product and product.form_key) or stated.form_key
    relevant = catalogue.is_relevant(ingredients, form_key)
    known = identified and not unknown_codes and unknown_form is None
    medicine = replace(
        stated,
        coded=relevant or known,
        ingredients=ingredients,
        form_key=form_key,
        product_code=product.product_code if product else None,
    )
    return CodedMedicine(
        medicine=medicine, known=known, relevant=relevant, unknown_codes=unknown_codes, unknown_form=unknown_form
    )


def _unread_coding(codings: Sequence[tuple[str, str]], *, identified: bool) -> list[tuple[str, str]]:
    """Return the code to report for a product without a known code."""
    unread = [coding for coding in codings if coding[0] in _READ_SYSTEMS or not identified]
    return unread[:1]


def _ingredients(
    product: CodedProduct | None, parts: Mapping[RxNormCode, CodedProduct | None]
) -> tuple[RxNormCode, ...]:
    found = set(product.ingredients if product else ())
    for code, part in parts.items():
        found.update(part.ingredients if part else (code,))
    return tuple(sorted(found))
