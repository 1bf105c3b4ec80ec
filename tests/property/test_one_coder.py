"""The edge that records a medicine and the check that asks about it read it alike, whatever parts it is stated by."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rx_clinical import code_medicine, load_catalogue
from rx_clinical.catalogue.products import NDC, RXNORM
from rx_clinical.model.facts import Medicine
from rx_contracts.edge import event as edge
from rx_ingest.coding import Coder
from rx_interactions.domain.answer import Answer, KnownHistory
from rx_interactions.domain.dispense import Dispense
from rx_interactions.handlers import answer

CATALOGUE = load_catalogue()
CODER = Coder(CATALOGUE)
METHADONE, AMOXICILLIN, UNKNOWN = "6813", "723", "99999999"
LYBALVI = "2570392"  # relevant by its form alone

codings = st.lists(
    st.sampled_from([
        (RXNORM, METHADONE), (RXNORM, AMOXICILLIN), (RXNORM, LYBALVI), (RXNORM, UNKNOWN), (NDC, "99999-9999-99"),
        ("urn:local", "A1"),
    ]),
    max_size=2,
    unique=True,
)  # fmt: skip
ingredients = st.lists(st.sampled_from([METHADONE, AMOXICILLIN, UNKNOWN]), max_size=2, unique=True)
forms = st.sampled_from([None, "methadone_oral", "methadone_orall", "kratom", "ntx_ldn"])


NOTHING_ON_RECORD = KnownHistory(facts=(), known_since=None, sources=())


def recorded(codings, ingredients, form_key):
    return CODER.code(
        edge.Medicine(
            text="tablet",
            codings=tuple(edge.Coding(system=system, code=code) for system, code in codings),
            ingredients=tuple(ingredients),
            form_key=form_key,
        )
    )


def checked(codings, ingredients, form_key):
    dispense = Dispense(
        medicine=Medicine(ingredients=tuple(ingredients), form_key=form_key),
        codings=codings,
        hand_over_time=datetime(2026, 4, 14, 12, tzinfo=UTC),
        site_id="main-street",
        zone="America/New_York",
    )
    return answer(dispense, NOTHING_ON_RECORD, CATALOGUE, lambda _: timedelta(hours=24))


@given(codings, ingredients, forms)
@example([(RXNORM, AMOXICILLIN)], [], "methadone_orall")
@example([(RXNORM, UNKNOWN)], [AMOXICILLIN], None)
@example([(RXNORM, LYBALVI)], [], "methadone_orall")
def test_what_the_check_does_not_assess_the_edge_does_not_call_known(codings, ingredients, form_key):
    event = recorded(codings, ingredients, form_key)
    result = checked(codings, ingredients, form_key)

    assert ("no known code" in result.gaps[0]) == bool(event.unknown)
    assert not (event.unknown and result.answer is Answer.NO_FINDING_IN_KNOWN_HISTORY)


@given(codings, ingredients, forms)
def test_nothing_is_known_that_has_an_unknown_part_and_nothing_that_matters_goes_unread(codings, ingredients, form_key):
    event = recorded(codings, ingredients, form_key)
    stated = {code for _, code in codings} | set(ingredients)
    matters = bool(stated & {METHADONE, LYBALVI}) or form_key in CATALOGUE.drugs

    assert event.relevant == matters
    assert event.coded == (matters or not event.unknown)
    if UNKNOWN in ingredients or form_key == "methadone_orall" or not (stated - {UNKNOWN} or form_key):
        assert event.unknown
    if event.coded and matters:
        read = Medicine(
            ingredients=event.ingredients, form_key=event.form_key, product_code=event.product_code, coded=event.coded
        )
        assert not CATALOGUE.roles(read).none


@pytest.mark.parametrize(
    ("codings", "ingredients", "form_key", "known"),
    [
        ([(RXNORM, AMOXICILLIN)], (), None, True),
        ([(RXNORM, AMOXICILLIN)], (), "methadone_orall", False),
        ([(RXNORM, UNKNOWN)], (AMOXICILLIN,), None, False),
        ([(NDC, "99999-9999-99")], (AMOXICILLIN,), None, False),
        ([(NDC, "99999-9999-99"), (RXNORM, AMOXICILLIN)], (), None, True),  # two codes of one product
        ([("urn:local", "A1")], (AMOXICILLIN,), None, True),
        ([("urn:local", "A1")], (), None, False),
        ([], (AMOXICILLIN, UNKNOWN), None, False),
        ([], (), "methadone_oral", True),
        ([], (), None, False),
    ],
)
def test_a_medicine_is_known_only_if_every_part_of_it_is(codings, ingredients, form_key, known):
    stated = Medicine(ingredients=ingredients, form_key=form_key)

    assert code_medicine(stated, codings, CATALOGUE).known is known
    assert bool(recorded(codings, ingredients, form_key).unknown) is not known
