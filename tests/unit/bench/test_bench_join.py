"""The minimal join: by its definition in the README, by the slow reference, and as every engine computes it."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from rx_monitor import bootstrap
from rx_monitor.domain.patient import Patient

from bench import join, reference
from bench.medicines import PRODUCTS, Group, coded
from bench.workload import Fills, Record, Workload

DAY = 86_400
JAVA = Path(__file__).parents[3] / "bench" / "kafka-streams" / "src" / "main" / "java" / "bench" / "MinimalJoin.java"
ANN, BOB = b"a" * 16, b"b" * 16


@pytest.fixture(scope="module")
def fill(catalogue):
    fills = Fills(catalogue)

    def made(patient, name, group, at, *, revision=1, event_class=b"relevant"):
        return fills.record(
            event_class,
            patient,
            name,
            group=group,
            product=0,
            occurred_s=at,
            recorded_s=at,
            revision=revision,
        )

    return made


def engine(records):
    """The outputs as an engine writes them."""
    patients = {}
    outputs = []
    for record in records:
        if not join.is_skipped(record.headers):
            changed = join.fold(patients.setdefault(record.patient, {}), *join.read(record.value))
            if changed is not None:
                outputs.append((record.patient, changed))
    return outputs


def pair(antagonist, opioid):
    return antagonist.event_key + opioid.event_key


@pytest.mark.parametrize("antagonist_first", [True, False])
@pytest.mark.parametrize("days", [-14, 0, 14])
def test_a_pair_within_fourteen_days_is_put_out_when_its_second_half_comes(fill, days, antagonist_first):
    one = fill(ANN, "n", Group.ANTAGONIST, 100 * DAY)
    other = fill(ANN, "o", Group.OPIOID, (100 + days) * DAY)
    log = [one, other] if antagonist_first else [other, one]
    assert engine(log) == [(ANN, b"\x01" + pair(one, other))]
    assert (reference.minimal_join(log).findings, reference.minimal_join(log).records) == (1, 1)


@pytest.mark.parametrize("seconds", [-14 * DAY - 1, 14 * DAY + 1])
def test_a_second_more_is_no_pair(fill, seconds):
    log = [fill(ANN, "n", Group.ANTAGONIST, 100 * DAY), fill(ANN, "o", Group.OPIOID, 100 * DAY + seconds)]
    assert engine(log) == []
    assert (reference.minimal_join(log).findings, reference.minimal_join(log).records) == (0, 0)


def test_patients_are_kept_apart(fill):
    log = [fill(ANN, "n", Group.ANTAGONIST, DAY), fill(BOB, "o", Group.OPIOID, DAY)]
    assert engine(log) == []
    assert reference.minimal_join(log).findings == 0


def test_a_correction_withdraws_a_pair_and_what_is_sent_again_or_older_changes_nothing(fill):
    antagonist = fill(ANN, "n", Group.ANTAGONIST, 100 * DAY)
    opioid = fill(ANN, "o", Group.OPIOID, 100 * DAY)
    moved = fill(ANN, "o", Group.OPIOID, 50 * DAY, revision=2, event_class=b"correction")
    log = [antagonist, opioid, opioid, moved, opioid, moved]
    assert engine(log) == [(ANN, b"\x01" + pair(antagonist, opioid)), (ANN, b"\x01")]
    assert (reference.minimal_join(log).findings, reference.minimal_join(log).records) == (0, 2)


def test_a_correction_to_another_product_withdraws_the_pair_too(fill):
    log = [
        fill(ANN, "n", Group.ANTAGONIST, DAY),
        fill(ANN, "o", Group.OPIOID, DAY),
        fill(ANN, "o", Group.OTHER, DAY, revision=2, event_class=b"correction"),
    ]
    assert [output for _, output in engine(log)][-1] == b"\x01"
    assert reference.minimal_join(log).findings == 0


def test_a_second_pair_is_put_out_with_the_first(fill):
    antagonist = fill(ANN, "n", Group.ANTAGONIST, DAY)
    first, second = fill(ANN, "o1", Group.OPIOID, DAY), fill(ANN, "o2", Group.OPIOID, 2 * DAY)
    outputs = engine([antagonist, first, second])
    pairs = sorted([pair(antagonist, first), pair(antagonist, second)])
    assert outputs[-1] == (ANN, b"\x01" + b"".join(pairs))
    assert reference.minimal_join([antagonist, first, second]).findings == 2


def test_what_the_header_calls_irrelevant_is_not_read(fill):
    unread = fill(ANN, "o", Group.OPIOID, DAY, event_class=b"irrelevant")._replace(value=b"\xff not an event")
    assert engine([fill(ANN, "n", Group.ANTAGONIST, DAY), unread]) == []
    assert reference.minimal_join([unread]).findings == 0


def test_engine_and_reference_agree_on_a_generated_log(records):
    outputs = engine(records)
    last = dict(outputs)
    cut = {patient: [value[at : at + 32] for at in range(1, len(value), 32)] for patient, value in last.items()}
    wanted = reference.minimal_join(records)
    assert reference.tally(cut.items(), len(outputs)) == wanted
    assert wanted.findings > 50
    assert wanted.records != wanted.findings


def test_another_pair_gives_another_digest():
    one = reference.tally([(ANN, [b"1"])], 1)
    assert one != reference.tally([(BOB, [b"1"])], 1)
    assert one != reference.tally([(ANN, [b"2"])], 1)


def test_every_statement_of_the_roles_is_the_same():
    by_role = {
        role: {form for form, known in join.ROLES.items() if known == role} for role in (join.ANTAGONIST, join.OPIOID)
    }
    assert by_role == {join.ANTAGONIST: reference.ANTAGONIST_FORMS, join.OPIOID: reference.OPIOID_FORMS}
    java = dict(re.findall(r'Map\.entry\("(\w+)", (ANTAGONIST|OPIOID)\)', JAVA.read_text()))
    assert java == {form: "ANTAGONIST" if role == join.ANTAGONIST else "OPIOID" for form, role in join.ROLES.items()}


@pytest.mark.parametrize("group", Group)
def test_the_role_of_a_product_is_that_of_its_group(group, catalogue):
    wanted = {Group.ANTAGONIST: join.ANTAGONIST, Group.OPIOID: join.OPIOID}.get(group, join.NEITHER)
    forms = {coded(product, catalogue)[0].form_key for product in PRODUCTS[group]}
    assert {join.ROLES.get(form, join.NEITHER) for form in forms} == {wanted}


def test_the_minimal_monitor_is_the_monitor_with_another_assessor(monkeypatch, catalogue):
    minimal = importlib.import_module("bench.engines.rxguard_minimal")
    core = bootstrap.CoreAssessor
    monkeypatch.setattr(bootstrap, "CoreAssessor", core)
    for method in ("__init__", "fact_bits", "may_fire", "finding_set_version", "__call__"):
        parameters = [inspect.signature(getattr(one, method)).parameters for one in (core, minimal.MinimalAssessor)]
        assert list(parameters[0]) == list(parameters[1])
    minimal.swap()
    assert bootstrap.CoreAssessor is minimal.MinimalAssessor
    assert minimal.MinimalAssessor(catalogue, None)(ANN, Patient()).is_empty


def test_full_rules_are_those_of_the_core_over_all_that_is_known(fill):
    log = [
        fill(ANN, "o", Group.OPIOID, 1_750_000_000),
        fill(ANN, "n", Group.ANTAGONIST, 1_750_000_000 + DAY),
        fill(BOB, "o2", Group.OPIOID, 1_750_000_000, event_class=b"irrelevant"),
    ]
    both = reference.full_rules(log)
    assert both.findings > 0
    assert both == reference.full_rules([log[1], log[0], log[0]])
    assert both.records is None


def test_a_tally_is_computed_once(tmp_path, records, monkeypatch):
    path = tmp_path / "log.bin"
    monkeypatch.setattr(Workload, "records", lambda _self: iter(records[:2_000]))
    given = Workload(path=path, sha256="s", seed=1, events=2_000, patients=200)
    first = reference.Reference(given).minimal_join(2_000)
    monkeypatch.setattr(reference, "minimal_join", lambda _records: pytest.fail("computed again"))
    assert reference.Reference(given).minimal_join(2_000) == first
    other = Workload(path=path, sha256="t", seed=1, events=2_000, patients=200)
    with pytest.raises(pytest.fail.Exception):
        reference.Reference(other).minimal_join(2_000)


def test_a_record_is_skipped_by_its_class_alone():
    assert join.is_skipped(Record(b"irrelevant", ANN, BOB, b"").headers)
    assert not join.is_skipped(Record(b"correction", ANN, BOB, b"").headers)
