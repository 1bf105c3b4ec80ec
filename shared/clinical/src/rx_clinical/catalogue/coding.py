"""A medicine as a source states it, to ingredients and form: by code and never by text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rx_clinical.catalogue.catalogue import Catalogue, CodedProduct
from rx_clinical.catalogue.products import NDC, RXNORM
from rx_clinical.model.facts import Medicine

_READ_SYSTEMS = (RXNORM, NDC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedMedicine:
    """What the catalogue makes of a medicine.

    `known`: all of it is in the tables, so that finding nothing means something. `relevant`: something in it is in our
    tables. Only what is known and not relevant may be passed over unread.
    """

    medicine: Medicine  # `coded`: the core can assess it, at least the part that matters
    known: bool
    relevant: bool
    unknown_codes: tuple[tuple[str, str], ...] = ()  # (system, code): of the product, then of ingredients
    unknown_form: str | None = None


def code_medicine(stated: Medicine, codings: Sequence[tuple[str, str]], catalogue: Catalogue) -> CodedMedicine:
    """The medicine with what its parts stand for: `codings` of the product as (system, code), ingredients, form_key.

    The codings are codes of one product: one that is known is enough. Where none is, an RxNorm code or NDC leaves the
    medicine unknown even beside known parts; a code of another system says nothing and needs a known part beside it.
    A form_key of the tables wins over the form of the product. A part that matters makes the medicine `coded` even if
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
    """The code to name for a product of which no code is known."""
    unread = [coding for coding in codings if coding[0] in _READ_SYSTEMS or not identified]
    return unread[:1]


def _ingredients(product: CodedProduct | None, parts: dict[str, CodedProduct | None]) -> tuple[str, ...]:
    found = set(product.ingredients if product else ())
    for code, part in parts.items():
        found.update(part.ingredients if part else (code,))
    return tuple(sorted(found))
