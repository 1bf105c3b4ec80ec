"""The event log of the bench is what its README says, and looks as if the prescriptions service had written it."""

import csv
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from pharmacy.events.v1.event_pb2 import Event
from rx_clinical import load_catalogue
from rx_clinical.model.facts import event_key
from rx_contracts.edge import event as edge
from rx_contracts.wire import event_facts
from rx_ingest.coding import Coder
from rx_ingest.model import EventClass

from bench import workload
from bench.broker import PARTITIONS, partition_of
from bench.medicines import PRODUCTS, Group, coded
from bench.workload import Fills, Generator, cached, histories

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ROOT = Path(__file__).parents[3]


def events(records):
    return [Event.FromString(record.value) for record in records]


def group_of(event):
    text = event.medication_filled.medicine.text
    return next(group for group, products in PRODUCTS.items() if any(one.text == text for one in products))


def test_the_same_seed_gives_the_same_log_and_another_seed_another(catalogue):
    def drawn(seed):
        return list(Generator(seed, 500, catalogue).records())

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_the_groups_have_their_shares(records):
    firsts = [event for event in events(records) if event.source_revision == 1]
    shares = {group: count / len(firsts) for group, count in Counter(map(group_of, firsts)).items()}
    assert shares == pytest.approx({"antagonist": 0.05, "opioid": 0.15, "other": 0.10, "irrelevant": 0.70}, abs=0.01)


def test_two_in_a_hundred_are_late_one_is_sent_twice_and_one_corrects_another(records):
    all_events = events(records)
    revisions = Counter((event.event_key, event.source_revision) for event in all_events)
    late = [
        event
        for event in all_events
        if event.source_revision == 1 and event.recorded_time.seconds - event.occurred.earliest_time.seconds > 86_400
    ]
    assert sum(count - 1 for count in revisions.values()) / len(records) == pytest.approx(0.01, abs=0.003)
    assert sum(event.source_revision > 1 for event in all_events) / len(records) == pytest.approx(0.01, abs=0.003)
    assert len(late) / len(records) == pytest.approx(0.02, abs=0.005)


def test_a_correction_is_a_higher_revision_of_an_event_before_it_and_says_something_else(records):
    seen = {}
    corrections = 0
    for event in events(records):
        before = seen.get(event.event_key)
        if before is not None and event.source_revision > before.source_revision:
            corrections += 1
            assert event.source_revision == before.source_revision + 1
            assert event.patient == before.patient
            assert event.occurred != before.occurred
        if before is None or event.source_revision > before.source_revision:
            seen[event.event_key] = event
    assert corrections > 100


def test_ten_events_a_patient_on_average(records):
    patients = {record.patient for record in records}
    assert len(patients) == pytest.approx(len(records) / 10, rel=0.05)


def test_key_and_headers_are_those_of_the_event(records):
    for record, event in zip(records, events(records), strict=True):
        assert (record.patient, record.event_key) == (event.patient, event.event_key)
        assert event.event_key == event_key(event.source, event.event_id)
        ruleset = str(load_catalogue().ruleset_seq).encode()
        named = [("rx-class", record.event_class), ("rx-event-key", event.event_key), ("rx-ruleset", ruleset)]
        assert record.headers == named


def test_the_class_is_the_one_that_prescriptions_gives(records, catalogue):
    relevant = {one.text: coded(one, catalogue)[1] for group, products in PRODUCTS.items() for one in products}
    for record, event in zip(records, events(records), strict=True):
        first = EventClass.RELEVANT if relevant[event.medication_filled.medicine.text] else EventClass.IRRELEVANT
        wanted = EventClass.CORRECTION if event.source_revision > 1 else first
        assert record.event_class.decode() == wanted


@pytest.mark.parametrize(
    ("group", "product"), [(group, product) for group, products in PRODUCTS.items() for product in products]
)
def test_every_product_is_coded_as_prescriptions_codes_it(group, product, catalogue):
    stated = edge.Medicine(
        text=product.text,
        codings=[edge.Coding(system=RXNORM, code=product.code)] if product.code else [],
        ingredients=[product.ingredient] if product.ingredient else [],
        form_key=product.form_key or None,
        route=product.route,
        daily_dose_mg=Decimal(product.daily_dose_mg) if product.daily_dose_mg else None,
        days_supply=Decimal(product.days_supply),
    )
    theirs = Coder(catalogue).code(stated)
    ours, relevant = coded(product, catalogue)
    assert theirs.unknown == ()
    assert (ours.coded, tuple(ours.ingredients)) == (theirs.coded, theirs.ingredients)
    assert (ours.form_key or None, ours.product_code or None) == (theirs.form_key, theirs.product_code)
    assert relevant == theirs.relevant == (group is not Group.IRRELEVANT)


def test_the_antagonists_are_of_every_tier(catalogue):
    with resources.files("rx_clinical").joinpath("tables/antagonist_forms.csv").open() as file:
        tier_of_form = {row["form_key"]: row["tier"] for row in csv.DictReader(file)}
    tiers = set()
    for product in PRODUCTS[Group.ANTAGONIST]:
        medicine = event_facts.medicine(coded(product, catalogue)[0])
        tier = tier_of_form[medicine.form_key]
        tiers.add(catalogue.tier_of(medicine.daily_dose_mg).name if tier == "by_dose" else tier)
    assert tiers == set(catalogue.tiers)


def test_a_product_that_the_catalogue_does_not_know_is_refused(catalogue):
    with pytest.raises(ValueError, match="does not know"):
        coded(type(PRODUCTS[Group.OTHER][0])(text="nothing", code="1"), catalogue)


def test_a_group_with_a_product_of_another_one_is_refused(catalogue, monkeypatch):
    monkeypatch.setattr(workload, "PRODUCTS", {**PRODUCTS, Group.IRRELEVANT: PRODUCTS[Group.OTHER]})
    with pytest.raises(ValueError, match="irrelevant"):
        Fills(catalogue)


def test_a_file_holds_the_log_and_is_found_again(tmp_path, catalogue):
    assert cached(tmp_path, 5, 300) is None
    command = [sys.executable, "-m", "bench.workload", str(tmp_path), "--seed", "5", "--events", "300"]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    found = cached(tmp_path, 5, 300)
    assert list(found.records()) == list(Generator(5, 300, catalogue).records())
    assert (found.seed, found.events, found.patients) == (5, 300, 30)
    (tmp_path / "events-5-300.json").write_text('{"layout": 0}')
    assert cached(tmp_path, 5, 300) is None


def test_events_go_to_the_partition_that_every_client_chooses(records):
    choose = DefaultPartitioner()
    for record in records[:500]:
        every = list(range(PARTITIONS))
        assert partition_of(record.patient) == choose(record.patient, every, every)


def test_histories_give_each_patient_as_many_relevant_facts_as_asked_for(catalogue):
    made = list(histories(Fills(catalogue), "some", range(3), range(20)))
    facts = Counter(record.patient for record in made)
    assert sorted(facts.values()) == [20, 20, 20]
    assert len({record.event_key for record in made}) == 60
    assert {record.event_class for record in made} == {b"relevant"}
    groups = Counter(group_of(event) for event in events(made))
    assert groups == {"opioid": 30, "other": 24, "antagonist": 6}
