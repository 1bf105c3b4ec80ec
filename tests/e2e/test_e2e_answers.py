"""What the services answer when they are asked: a check before a dispense, a batch to weigh."""

import pytest
from pharmacy.compounding.v1 import compounding_pb2, compounding_pb2_grpc
from pharmacy.interactions.v1 import interactions_pb2, interactions_pb2_grpc
from rx_contracts.wire.finding_json import finding_json
from rx_contracts.wire.times import instant, timestamp

from tests.lib.e2e.kit import LDN, METHADONE, RXNORM, fill, hand_over, loud, new_patient, without
from tests.lib.e2e.kit import instant as at

pytestmark = pytest.mark.stack
TIME = "2026-04-10T09:00:00Z"
IDENTITY = ("finding_id", "anchor_event_id")
"""What a finding takes from its event, which a question does not have."""


async def check(rxguard, patient, **product):
    """The answer to: may this be handed over at TIME?"""
    request = interactions_pb2.CheckDispenseRequest(
        patient=patient.message, hand_over_time=timestamp(at(TIME)), site_id="utc", **product
    )
    async with rxguard.connection.channel("interactions") as channel:
        return await interactions_pb2_grpc.InteractionServiceStub(channel).CheckDispense(request)


def asked(medicine):
    """The fields of a question about a medicine of an event."""
    return {key: value for key, value in medicine.items() if key != "codings"}


def name(answer):
    return interactions_pb2.Answer.Name(answer.answer).removeprefix("ANSWER_")


async def test_a_check_for_a_methadone_patient_says_hold_with_the_finding_that_the_dispense_then_raises(
    rxguard, patient
):
    await rxguard.feed([fill(patient, "check-methadone", METHADONE, "2026-03-01T09:00:00Z")])
    answer = await check(rxguard, patient, **asked(LDN))
    assert name(answer) == "HOLD"
    (found,) = loud([finding_json(finding) for finding in answer.findings])
    assert (found["rule"], found["severity"]) == ("WR-02", "contraindicated")
    assert found["earliest_start_time"] == "2026-04-14T09:00:00Z"
    assert answer.events_considered == 1

    await rxguard.feed([fill(patient, "check-ldn", LDN, TIME), hand_over(patient, "check-ldn", TIME)])
    (raised,) = loud(await rxguard.findings_of(patient))
    assert without(found, *IDENTITY) == without(raised, *IDENTITY)
    assert raised["anchor_event_id"] == "check-ldn"


async def test_a_check_changes_nothing_on_record(rxguard):
    patient = new_patient()
    await check(rxguard, patient, **asked(LDN))
    (history,) = await rxguard.histories(patient)
    assert not history.events


async def test_a_check_for_a_patient_without_records_finds_nothing_and_says_what_it_cannot_know(rxguard, patient):
    answer = await check(rxguard, patient, **asked(LDN))
    assert name(answer) == "NO_FINDING_IN_KNOWN_HISTORY"
    assert [finding_json(finding)["rule"] for finding in answer.findings] == ["LD-10"]  # a course starts: review it
    assert answer.gaps
    assert answer.coverage.rules_run
    assert answer.ruleset_version
    assert not answer.HasField("history_known_since_time")


async def test_a_check_of_an_unknown_code_is_not_assessed(rxguard, patient):
    answer = await check(rxguard, patient, codings=[{"system": RXNORM, "code": "99999999"}], text="something new")
    assert name(answer) == "NOT_ASSESSED"
    assert answer.gaps


async def test_a_check_says_how_fresh_each_source_is(rxguard, patient):
    await rxguard.feed([fill(patient, "fresh-methadone", METHADONE, "2026-03-01T09:00:00Z", source="fresh-source")])
    answer = await check(rxguard, patient, **asked(LDN))
    newest = {source.source: instant(source.newest_recorded_time) for source in answer.sources}
    assert newest["fresh-source"] == at("2026-03-01T09:00:00Z")


async def test_ninety_capsules_of_4_5_mg_are_planned_as_the_worked_example_says(rxguard):
    request = compounding_pb2.PlanBatchRequest(
        strength_mg="4.5", quantity=90, excess_pct="3", mean_tablet_weight_mg="170", fill_weight_mg="200"
    )
    async with rxguard.connection.channel("compounding") as channel:
        plan = await compounding_pb2_grpc.CompoundingServiceStub(channel).PlanBatch(request)
    assert (plan.need_mg, plan.batch_quantity, plan.batch_need_mg) == ("405", 93, "418.5")
    assert (plan.tablets_exact, plan.tablets_whole) == ("8.37", 9)
    assert (plan.powder_mg, plan.powder_waste_mg, plan.waste_active_mg) == ("1422.9", "107.1", "31.5")
    assert (plan.filler_mg, plan.blend_strength_pct) == ("17177.1", "2.25")
    assert (plan.potency_low_mg, plan.potency_high_mg) == ("4.05", "4.95")
    assert plan.steps
