"""An event that the edge calls irrelevant is passed unread only if our own tables agree."""

import pytest
from pharmacy.events.v1.event_pb2 import Coding, Event, Medicine
from rx_clinical import load_catalogue
from rx_clinical.catalogue.products import RXNORM
from rx_monitor.adapters.clinical.relevance import CodeRelevance

CATALOGUE = load_catalogue()
RELEVANCE = CodeRelevance(CATALOGUE, relevant_since=CATALOGUE.ruleset_seq)
OLANZAPINE, ALLOPURINOL, METHADONE = "61381", "197319", "6813"


def fill(*, codes=(), ingredients=(), form_key=""):
    medicine = Medicine(
        coded=True,
        codings=[Coding(system=RXNORM, code=code) for code in codes],
        ingredients=ingredients,
        form_key=form_key,
    )
    return Event(medication_filled={"medicine": medicine}).SerializeToString()


@pytest.mark.parametrize(
    ("event", "concerns"),
    [
        pytest.param(fill(ingredients=[OLANZAPINE]), False, id="known and in no rule"),
        pytest.param(fill(codes=[ALLOPURINOL], ingredients=["519"]), False, id="a product of that kind"),
        pytest.param(fill(ingredients=[METHADONE]), True, id="an ingredient that a rule reads"),
        pytest.param(fill(ingredients=[OLANZAPINE, METHADONE]), True, id="one of several"),
        pytest.param(fill(codes=["864706"], ingredients=[OLANZAPINE]), True, id="a product that the edge misread"),
        pytest.param(fill(ingredients=[OLANZAPINE], form_key="methadone_oral"), True, id="a form that a rule reads"),
        pytest.param(fill(ingredients=["999999"]), True, id="an ingredient that is not known any more"),
        pytest.param(fill(codes=["999999"]), True, id="a product that is not known any more"),
        pytest.param(fill(), True, id="nothing to go by"),
        pytest.param(Event(patient_fact={"kind": "liver"}).SerializeToString(), True, id="no medicine"),
        pytest.param(Event().SerializeToString(), True, id="a kind of fact that is not known"),
    ],
)
def test_codes_decide(event, concerns):
    assert RELEVANCE.concerns_rules(event) is concerns


def test_the_word_of_tables_that_read_at_least_as_much_is_trusted():
    ours = CATALOGUE.ruleset_seq
    assert CodeRelevance(CATALOGUE, ours - 1).trusted_rulesets == {str(ours - 1).encode(), str(ours).encode()}
    assert str(ours + 1).encode() not in RELEVANCE.trusted_rulesets
