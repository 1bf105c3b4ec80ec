"""The dispense that has not happened, as facts that the core can read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rx_clinical import Catalogue
from rx_clinical.facts import Fact, Fill, HandOver, Medicine, Moment, event_key

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CHECK_SOURCE = "rxguard:check"
"""Source of the two facts that exist only for the length of a question; no system of record has this name."""

_FILL = event_key(CHECK_SOURCE, "fill")
_HAND_OVER = event_key(CHECK_SOURCE, "hand-over")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The medicine asked about. `known`: all of it is in the tables, so that finding nothing means something."""

    medicine: Medicine
    known: bool
    relevant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispense:
    """Who would be handed what, when and where is asked elsewhere: this is what, when and where."""

    medicine: Medicine  # as stated: neither coded nor filled up
    codings: Sequence[tuple[str, str]]
    hand_over_time: datetime
    site_id: str
    zone: str  # IANA, of the site


def code(dispense: Dispense, catalogue: Catalogue) -> Asked:
    """The medicine with what its codes stand for, coded as the edge codes an event; a stated form wins.

    A part that matters is assessed even if another part is unknown; `known` then says that not all of it was.
    """
    stated = dispense.medicine
    product = catalogue.code_product(dispense.codings) if dispense.codings else None
    parts = {ingredient: catalogue.code_product([(RXNORM, ingredient)]) for ingredient in stated.ingredients}
    ingredients = set(product.ingredients if product else ())
    for ingredient, part in parts.items():
        ingredients.update(part.ingredients if part else (ingredient,))
    form_key = stated.form_key or (product.form_key if product else None)
    form_known = stated.form_key is None or catalogue.is_relevant((), stated.form_key)
    identified = product is not None or bool(parts) or (stated.form_key is not None and form_known)
    relevant = catalogue.is_relevant(sorted(ingredients), form_key)
    known = identified and form_known and all(parts.values())
    medicine = replace(
        stated,
        coded=identified and (relevant or known),
        ingredients=tuple(sorted(ingredients)),
        form_key=form_key,
        product_code=product.product_code if product else None,
    )
    return Asked(medicine=medicine, known=known, relevant=relevant)


def facts_of(dispense: Dispense, medicine: Medicine) -> tuple[Fact, Fact]:
    """A fill and its hand-over, both at the time asked about."""
    time = Moment.instant(dispense.hand_over_time, dispense.zone)
    fill = Fill(
        key=_FILL,
        event_id="fill",
        source=CHECK_SOURCE,
        site=dispense.site_id,
        revision=(0, 0),
        occurred=time,
        recorded_at=time.earliest,
        medicine=medicine,
    )
    hand_over = HandOver(
        key=_HAND_OVER,
        event_id="hand-over",
        source=CHECK_SOURCE,
        site=dispense.site_id,
        revision=(0, 0),
        occurred=time,
        recorded_at=time.earliest,
        fill=_FILL,
    )
    return fill, hand_over
