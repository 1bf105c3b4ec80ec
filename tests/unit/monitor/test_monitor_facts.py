"""Every kind of fact reaches the real core through the monitor, whichever side of the join comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import count
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pharmacy.events.v1 import event_pb2
from pharmacy.events.v1.finding_pb2 import FindingSet
from rx_clinical import load_catalogue
from rx_clinical.model.facts import Moment, event_key
from rx_contracts.wire.event_facts import occurred_time
from rx_contracts.wire.finding_json import severity_name
from rx_contracts.wire.times import timestamp
from rx_ingest.model import EventClass
from rx_monitor.adapters.clinical.assessor import CoreAssessor
from rx_monitor.adapters.protobuf.codec import ProtoCodec
from rx_monitor.domain.patient import UNKNOWN, EventRevision, Patient, fold
from rx_monitor.handlers.process_batch import IRRELEVANT
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites

ANNA = b"A" * 16
DISPENSED = datetime(2026, 4, 14, 12, tzinfo=UTC)
CATALOGUE = load_catalogue()
ASSESS = CoreAssessor(CATALOGUE, load_sites(SHIPPED_SITES))


def medicine(*ingredients, **more):
    return event_pb2.Medicine(coded=True, ingredients=ingredients, days_supply="30", **more)


def fill(*ingredients, **more):
    return {"medication_filled": event_pb2.Fill(medicine=medicine(*ingredients, **more))}


LDN = fill("7243", text="LDN 3 mg", form_key="ntx_ldn", daily_dose_mg="3")
ULTRA_LOW = fill("7243", text="naltrexone 0.1 mg", form_key="ntx_ldn", daily_dose_mg="0.1")
OXYCODONE = fill("7804", text="oxycodone 5 mg", form_key="oxycodone_ir", daily_dose_mg="40")


def half(by):
    opioid = event_pb2.ConfirmedOpioid(form_key="oxycodone_ir", daily_dose_mg="40")
    confirmed = event_pb2.UltraLowDoseConfirmation(
        by=by, daily_dose_mg="0.1", opioids=[opioid], recorded_by="Dr Example"
    )
    return {"ultra_low_dose_confirmed": confirmed}


def urine_test(result):
    return {
        "opioid_free_evidence": event_pb2.OpioidFreeEvidence(
            kind="urine_drug_test", result=result, ingredients=["6813"], recorded_by="Dr Example"
        )
    }


def planned(*, opioid_expected):
    time = occurred_time(Moment.instant(DISPENSED + timedelta(days=5)))
    return {"procedure_planned": event_pb2.Procedure(procedure_time=time, opioid_expected=opioid_expected)}


def patient_fact(kind, value):
    return {"patient_fact": event_pb2.PatientFact(kind=kind, value=value)}


def event(name, time, fact):
    return event_pb2.Event(
        event_key=event_key("demo", name),
        event_id=name,
        source="demo",
        source_revision=1,
        site_id="main-street",
        patient=ANNA,
        occurred=occurred_time(Moment.instant(time)),
        recorded_time=timestamp(time),
        **fact,
    )


class Log:
    """Events of one patient through a monitor with the real core."""

    def __init__(self, kit, make):
        self.kit = kit
        self.make = make
        self.offsets = count(10)

    async def take(self, *events, before=timedelta(0)):
        """Take events that happened so long before the dispense, one batch each."""
        for fact in events:
            offset = next(self.offsets)
            built = event(f"event-{offset}", DISPENSED - before, fact)
            headers = [("rx-class", b"relevant"), ("rx-event-key", built.event_key)]
            record = self.make.Record(offset, ANNA, built.SerializeToString(), headers)
            summary = await self.kit.process(self.make.batch(record))
            assert (summary.skipped, summary.folded) == (0, 1)

    @property
    def published(self):
        sent = self.kit.outbox.sent("findings")
        return FindingSet.FromString(sent[-1][1]) if sent else FindingSet()

    @property
    def severities(self):
        """Severity of each rule in the set published last."""
        return {finding.rule: severity_name(finding.severity) for finding in self.published.findings}


@pytest.fixture
def log(kit, make):
    kit.outbox.max_record_bytes = 1 << 20
    return Log(kit.with_ports(codec=ProtoCodec(CATALOGUE.ruleset_seq), assess=ASSESS), make)


OTHER_SIDES = {
    "a positive test": (urine_test("positive"), "WR-02"),
    "a procedure with opioids": (planned(opioid_expected=True), "SX-01"),
    "a pregnancy": (patient_fact("pregnancy", "pregnant"), "LD-05"),
    "a transplant": (patient_fact("transplant", "kidney"), "LD-02"),
    "an age": (patient_fact("birth_year", "2012"), "LD-06"),
    "a liver failure": (patient_fact("liver", "acute liver failure"), "LD-04"),
    "thyroid hormone": (fill("10582", text="levothyroxine", route="oral"), "LD-01"),
    "an immunosuppressant": (fill("3008", text="cyclosporine", route="oral"), "LD-02"),
    "methotrexate": (fill("6851", text="methotrexate", route="oral"), "LD-03"),
}


POOL = [
    LDN,
    OXYCODONE,
    fill("6813", text="methadone", form_key="methadone_oral"),
    fill("1819", text="buprenorphine", form_key="bup_sl"),
    fill("9143", text="ranitidine", route="oral"),
    *(fact for fact, _ in OTHER_SIDES.values()),
]


@pytest.mark.parametrize(("fact", "rule"), OTHER_SIDES.values(), ids=OTHER_SIDES)
@pytest.mark.parametrize("first", ["the fact", "the dispense"])
async def test_every_kind_of_fact_meets_the_antagonist_whichever_arrives_first(log, fact, rule, first):
    earlier = timedelta(days=3)
    if first == "the fact":
        await log.take(fact, before=earlier)
        await log.take(LDN)
    else:
        await log.take(LDN)
        assert rule not in log.severities
        await log.take(fact, before=earlier)

    assert rule in log.severities
    assert list(log.published.coverage.facts_not_read) == []


async def test_an_ultra_low_dose_is_milder_once_both_have_confirmed_it(log):
    await log.take(OXYCODONE, before=timedelta(days=3))
    await log.take(ULTRA_LOW)
    assert log.severities["WR-05"] == "major"
    await log.take(half("prescriber"), before=timedelta(days=1))
    assert log.severities["WR-05"] == "major"
    await log.take(half("pharmacist"), before=timedelta(days=1))
    assert log.severities["WR-05"] == "moderate"


async def test_a_procedure_without_opioids_a_negative_test_and_an_allergy_are_read_and_publish_nothing_loud(log):
    await log.take(LDN)
    before = log.severities
    await log.take(planned(opioid_expected=False), urine_test("negative"), patient_fact("allergy", "penicillin"))

    assert log.severities == before


async def test_a_merge_is_named_as_not_read(log):
    await log.take({"patient_merged": event_pb2.Merge(from_patient=b"B" * 16, into_patient=ANNA)})
    await log.take(OXYCODONE, LDN)

    assert list(log.published.coverage.facts_not_read) == ["merge"]


@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=6))
def test_where_no_rule_could_speak_the_core_finds_nothing(facts):
    """And what is told of the facts one by one is what is told of all of them."""
    patient = UNKNOWN
    for offset, fact in enumerate(facts):
        built = event(f"event-{offset}", DISPENSED - timedelta(days=offset), fact)
        patient = fold(patient, EventRevision(built.event_key, (1, 0), built.SerializeToString()), offset)
    kinds = [ASSESS.fact_bits((one,)) for one in patient.events.values()]
    assert reduce(or_, kinds) == ASSESS.fact_bits(patient.events.values())
    found = ASSESS(ANNA, replace(patient, fact_bits=reduce(or_, kinds)))
    assert found.is_empty or ASSESS.may_fire(replace(patient, fact_bits=reduce(or_, kinds)))


def test_too_many_facts_are_seen_however_little_each_may_bring():
    limit = CATALOGUE.policy.too_many_facts
    for count_of, speaks in ((limit, False), (limit + 1, True)):
        events = {name: EventRevision(name, (1, 0), b"") for name in (b"%016d" % number for number in range(count_of))}
        assert ASSESS.may_fire(Patient(events=events, fact_bits=0)) is speaks


def test_a_patient_of_whom_it_is_not_known_what_the_facts_may_bring_is_assessed():
    assert ASSESS.may_fire(UNKNOWN)


def test_the_one_class_that_the_monitor_passes_unread_is_the_one_that_prescriptions_gives_to_the_irrelevant():
    assert [one for one in EventClass if one.value.encode() == IRRELEVANT] == [EventClass.IRRELEVANT]
