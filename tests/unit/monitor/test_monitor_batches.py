"""A batch from the log to its outputs: what goes out, in which order, and when progress moves."""

import pytest
from rx_monitor.domain.progress import EventsMissingError, NotOwnedError
from rx_monitor.domain.store import PartitionStore
from rx_monitor.ports import Batch

ANNA, BERT = b"A" * 16, b"B" * 16


async def test_findings_are_acknowledged_before_state_and_both_before_progress(kit, make):
    await kit.process(make.batch(make.record(10, "opioid"), make.record(11, "blocker")))
    assert [(kind, position) for kind, _, _, position in kit.outbox.log] == [("findings", 10), ("states", 10)]
    assert kit.progress.positions() == {make.PARTITION: 12}


async def test_outputs_go_to_the_partition_number_of_their_input(kit, make):
    await kit.process(make.batch(make.record(10, "opioid"), make.record(11, "blocker")))
    assert {partition for _, partition, _, _ in kit.outbox.log} == {make.PARTITION}


@pytest.mark.parametrize("broken", ["findings", "states"])
async def test_progress_and_memory_stand_still_when_an_acknowledgement_is_missing(kit, make, broken):
    kit.outbox.fails_at = broken
    with pytest.raises(make.BrokerDownError):
        await kit.process(make.batch(make.record(10, "opioid"), make.record(11, "blocker")))
    assert kit.progress.positions() == {make.PARTITION: 10}
    assert kit.stores.patient_count() == 0


async def test_an_order_that_arrives_after_the_fill_raises_the_finding_then(kit, make):
    await kit.process(make.batch(make.record(10, "blocker")))
    assert kit.outbox.sent("findings") == []
    await kit.process(make.batch(make.record(11, "opioid")))
    assert [name for name, _ in kit.outbox.sent("findings")] == [ANNA]


async def test_a_finding_whose_basis_falls_away_is_withdrawn_by_the_next_set(kit, make):
    await kit.process(make.batch(make.record(10, "blocker"), make.record(11, "opioid")))
    await kit.process(make.batch(make.record(12, "void", kind=b"correction")))
    assert [value.endswith((b"@11", b"@12")) for _, value in kit.outbox.sent("findings")] == [True, True]


async def test_a_patient_is_published_only_when_the_set_says_something_else(kit, make):
    await kit.process(make.batch(make.record(10, "blocker"), make.record(11, "opioid")))
    await kit.process(make.batch(make.record(12, "other")))
    assert len(kit.outbox.sent("findings")) == 1
    assert len(kit.outbox.sent("states")) == 2


async def test_a_patient_without_any_finding_so_far_is_not_published(kit, make):
    await kit.process(make.batch(make.record(10, "other")))
    assert kit.outbox.sent("findings") == []


async def test_only_patients_about_whom_a_rule_could_speak_are_assessed(kit, make):
    records = [make.record(10, "opioid"), make.record(11, "other"), make.record(12, "opioid", patient=BERT)]
    await kit.process(make.batch(*records, make.record(13, "blocker")))
    assert kit.assess.assessed == [ANNA]
    assert len(kit.outbox.sent("states")) == 2


async def test_an_irrelevant_event_is_passed_unread_and_moves_progress(kit, make):
    unread = make.record(10, "vitamin", kind=b"irrelevant")._replace(value=b"not to be decoded")
    summary = await kit.process(make.batch(unread))
    assert (summary.skipped, summary.folded) == (1, 0)
    assert kit.progress.positions() == {make.PARTITION: 11}


async def test_an_irrelevant_event_is_read_if_a_revision_of_it_is_held(kit, make):
    await kit.process(make.batch(make.record(10, "opioid", revision=1)))
    summary = await kit.process(make.batch(make.record(11, "opioid", revision=2, kind=b"irrelevant")))
    assert (summary.folded, summary.changed_patients) == (1, 1)


@pytest.mark.parametrize("ruleset", [None, b"2", b"4"])
async def test_the_word_of_another_ruleset_is_checked_against_the_codes(kit, make, ruleset):
    def said_irrelevant(offset, name):
        record = make.record(offset, name, kind=b"irrelevant")
        named = [] if ruleset is None else [("rx-ruleset", ruleset)]
        return record._replace(headers=record.headers[:2] + named)

    summary = await kit.process(make.batch(said_irrelevant(10, "vitamin"), said_irrelevant(11, "opioid")))
    assert (summary.skipped, summary.folded) == (1, 1)


async def test_a_vitamin_that_may_be_a_revision_of_something_held_is_read_whatever_the_codes_say(kit, make):
    await kit.process(make.batch(make.record(10, "vitamin", revision=1)))
    later = make.record(11, "vitamin", revision=2, kind=b"irrelevant")
    summary = await kit.process(make.batch(later._replace(headers=later.headers[:2])))
    assert summary.changed_patients == 1


@pytest.mark.parametrize("headers", [[], [("rx-class", b"irrelevant")], [("rx-class", b"new-class")]])
async def test_an_event_without_clear_headers_is_read(kit, make, headers):
    summary = await kit.process(make.batch(make.record(10, "opioid")._replace(headers=headers)))
    assert summary.folded == 1


async def test_the_state_written_equals_the_state_in_memory(kit, make):
    await kit.process(make.batch(make.record(10, "opioid"), make.record(11, "other", patient=BERT)))
    store = kit.stores.of(make.GENERATION, make.PARTITION)
    assert {name: store.get(name) for name in (ANNA, BERT)} == dict(kit.outbox.sent("states"))


async def test_a_batch_that_leaves_offsets_out_is_refused(kit, make):
    with pytest.raises(EventsMissingError):
        await kit.process(make.batch(make.record(11, "opioid")))
    with pytest.raises(EventsMissingError):
        await kit.process(make.batch(make.record(10, "opioid"), make.record(12, "blocker")))
    assert kit.outbox.log == []


async def test_a_batch_read_again_changes_nothing(kit, make):
    again = make.batch(make.record(10, "opioid"), make.record(11, "blocker"))
    await kit.process(again)
    await kit.process(make.batch(make.record(12, "other")))
    summary = await kit.process(again)
    assert (summary.changed_patients, summary.published) == (0, 0)
    assert kit.progress.positions() == {make.PARTITION: 13}


async def test_a_batch_of_another_generation_or_partition_is_refused(kit, make):
    records = (make.record(10, "opioid"),)
    with pytest.raises(NotOwnedError):
        await kit.process(Batch(make.GENERATION + 1, make.PARTITION, records, 100))
    with pytest.raises(NotOwnedError):
        await kit.process(Batch(make.GENERATION, make.PARTITION + 1, records, 100))


async def test_a_batch_is_refused_while_its_state_is_not_restored(kit, make):
    kit.stores.suspend()
    with pytest.raises(NotOwnedError):
        await kit.process(make.batch(make.record(10, "opioid")))


async def test_a_restored_monitor_decides_like_the_one_before(kit, make):
    await kit.process(make.batch(make.record(10, "opioid")))
    restored = PartitionStore(dict(kit.outbox.sent("states")))
    kit.stores.activate(make.GENERATION, {make.PARTITION: restored})
    await kit.process(make.batch(make.record(11, "blocker")))
    assert len(kit.outbox.sent("findings")) == 1
