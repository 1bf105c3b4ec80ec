"""Events become the facts they state, findings the messages they mean; nothing is rounded, nothing is dropped."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from pharmacy.events.v1 import event_pb2, finding_pb2
from rx_clinical import History, assess, load_catalogue
from rx_clinical.findings.report import finding_to_json
from rx_clinical.model import facts
from rx_clinical.model.findings import (
    ArithmeticLine,
    Assessment,
    Basis,
    Display,
    Finding,
    NoStartTime,
    Severity,
    Urgency,
)
from rx_contracts.wire import decimals, event_facts, finding_json, finding_messages, times

AT = datetime(2026, 4, 14, 12, 0, 0, 250_000, tzinfo=UTC)
RECORDED = datetime(2026, 4, 14, 12, 5, tzinfo=UTC)
KEY = bytes(range(16))
OTHER = bytes(16)
REFERENCE = event_pb2.Reference(event_key=OTHER)
MEDICINE = event_pb2.Medicine(
    text="naltrexone 4.5 mg",
    codings=[event_pb2.Coding(system="urn:site", code="LDN")],
    coded=True,
    ingredients=["7243"],
    form_key="naltrexone_oral",
    product_code="1",
    route="oral",
    directions="one at night",
    daily_dose_mg="4.50",
    days_supply="30",
    as_needed=True,
    quantity="30",
    patch_count=2,
    indication="pain",
)
READ = facts.Medicine(
    text="naltrexone 4.5 mg",
    coded=True,
    ingredients=("7243",),
    form_key="naltrexone_oral",
    product_code="1",
    route="oral",
    directions="one at night",
    daily_dose_mg=Decimal("4.50"),
    days_supply=Decimal(30),
    as_needed=True,
    quantity=Decimal(30),
    patches=2,
)
ENVELOPE = {
    "key": KEY,
    "event_id": "e-1",
    "source": "pms-1",
    "site": "main",
    "revision": (7, 2),
    "occurred": facts.Moment.instant(AT),
    "recorded_at": RECORDED,
}


def event(**fact: object) -> event_pb2.Event:
    return event_pb2.Event(
        event_key=KEY,
        event_id="e-1",
        source="pms-1",
        source_revision=7,
        coding_revision=2,
        site_id="main",
        patient=OTHER,
        occurred=event_facts.occurred_time(facts.Moment.instant(AT)),
        recorded_time=times.timestamp(RECORDED),
        **fact,
    )


LOCAL_DATE = facts.Moment.local_date(date(2026, 3, 29), "Europe/Berlin")
DATE_MESSAGE = event_facts.occurred_time(LOCAL_DATE)
EXACT = facts.Moment.instant(AT + timedelta(hours=1, microseconds=7), "Europe/Berlin")
ORDER = event_pb2.Prescription(
    medicine=MEDICINE, status="completed", status_time=DATE_MESSAGE, intent="plan", do_not_perform=True
)
READ_ORDER = facts.Prescription(
    medicine=READ, status="completed", status_at=LOCAL_DATE, intent="plan", do_not_perform=True, **ENVELOPE
)
FACTS = {
    "prescription_written": (ORDER, READ_ORDER),
    "prescription_changed": (ORDER, READ_ORDER),
    "stopped": (REFERENCE, facts.Stop(refers_to=OTHER, **ENVELOPE)),
    "medication_filled": (
        event_pb2.Fill(
            medicine=MEDICINE,
            prescription_key=OTHER,
            rx_number="700",
            fill_number="1",
            quantity_prescribed="45.50",
            partial=True,
            days_supply_is_for_this_fill=True,
        ),
        facts.Fill(
            medicine=READ,
            prescription=OTHER,
            rx_number="700",
            fill_number="1",
            quantity_prescribed=Decimal("45.50"),
            partial=True,
            days_supply_is_for_this_fill=True,
            **ENVELOPE,
        ),
    ),
    "medication_handed_over": (REFERENCE, facts.HandOver(fill=OTHER, **ENVELOPE)),
    "medication_returned_to_stock": (REFERENCE, facts.ReturnToStock(refers_to=OTHER, **ENVELOPE)),
    "medication_voided": (REFERENCE, facts.Void(refers_to=OTHER, **ENVELOPE)),
    "medication_administered": (
        event_pb2.Administration(
            medicine=MEDICINE, fill_key=OTHER, setting="inpatient", removed_time=event_facts.occurred_time(EXACT)
        ),
        facts.Administration(medicine=READ, fill=OTHER, setting="inpatient", removed=EXACT, **ENVELOPE),
    ),
    "medication_reported": (
        event_pb2.Report(
            medicine=MEDICINE,
            kind="otc",
            ongoing=True,
            started_time=DATE_MESSAGE,
            last_confirmed_time=DATE_MESSAGE,
            source_kind="PATIENT",
            obtained_via="mail",
            restricted=True,
            misuse=True,
        ),
        facts.Report(
            medicine=READ,
            kind="otc",
            ongoing=True,
            started=LOCAL_DATE,
            last_confirmed=LOCAL_DATE,
            source_kind="PATIENT",
            obtained_via="mail",
            restricted=True,
            misuse=True,
            **ENVELOPE,
        ),
    ),
    "ultra_low_dose_confirmed": (
        event_pb2.UltraLowDoseConfirmation(
            by="prescriber",
            recorded_by="Dr Example",
            daily_dose_mg="0.250",
            opioids=[
                event_pb2.ConfirmedOpioid(form_key="methadone_oral", daily_dose_mg="62.5"),
                event_pb2.ConfirmedOpioid(form_key="oxycodone_ir"),
            ],
        ),
        facts.Confirmation(
            by="prescriber",
            recorded_by="Dr Example",
            daily_dose_mg=Decimal("0.250"),
            opioids=(
                facts.ConfirmedOpioid(form_key="methadone_oral", daily_dose_mg=Decimal("62.5")),
                facts.ConfirmedOpioid(form_key="oxycodone_ir"),
            ),
            **ENVELOPE,
        ),
    ),
    "opioid_free_evidence": (
        event_pb2.OpioidFreeEvidence(
            kind="clinician_attestation",
            result="negative",
            ingredients=["7804", "6813"],
            recorded_by="Dr Example",
            attested_last_dose_time=DATE_MESSAGE,
            stock_accounted_for=True,
        ),
        facts.Evidence(
            kind="clinician_attestation",
            result="negative",
            ingredients=("7804", "6813"),
            recorded_by="Dr Example",
            attested_last_dose=LOCAL_DATE,
            stock_accounted_for=True,
            **ENVELOPE,
        ),
    ),
    "patient_fact": (
        event_pb2.PatientFact(kind="liver", value="cirrhosis"),
        facts.PatientFact(kind="liver", value="cirrhosis", **ENVELOPE),
    ),
    "procedure_planned": (
        event_pb2.Procedure(procedure_time=DATE_MESSAGE, opioid_expected=True),
        facts.Procedure(planned=LOCAL_DATE, opioid_expected=True, **ENVELOPE),
    ),
    "patient_merged": (event_pb2.Merge(into_patient=KEY), facts.UnreadFact(kind="merge", **ENVELOPE)),
}


@pytest.mark.parametrize("case", FACTS)
def test_an_event_becomes_the_fact_it_states(case: str):
    message, fact = FACTS[case]
    assert event_facts.history_facts([event(**{case: message})]) == [fact]


def test_every_case_of_the_envelope_is_translated():
    assert set(FACTS) == {field.name for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["fact"].fields}


def test_a_case_of_a_later_version_is_kept_and_named_as_not_read():
    assert event_facts.fact_from_event(event()) == facts.UnreadFact(kind="unknown", **ENVELOPE)


@pytest.mark.parametrize("case", FACTS)
def test_only_a_merge_is_not_read(case: str):
    message = event(**{case: FACTS[case][0]})
    assert event_facts.is_read(message) == (case != "patient_merged")
    assert event_facts.is_read(message) != isinstance(event_facts.fact_from_event(message), facts.UnreadFact)
    assert not event_facts.is_read(event())


def test_what_a_source_leaves_out_is_unknown_and_never_zero():
    read = event_facts.medicine(event_pb2.Medicine())
    assert read == facts.Medicine(coded=False)
    order = event_facts.fact_from_event(event(prescription_written=event_pb2.Prescription()))
    assert isinstance(order, facts.Prescription)
    assert (order.status, order.status_at, order.intent) == ("unknown", None, "order")
    fill = event_facts.fact_from_event(event(medication_filled=event_pb2.Fill(quantity_prescribed="0")))
    assert isinstance(fill, facts.Fill)
    assert (fill.partial, fill.quantity_prescribed) == (False, None)
    evidence = event_facts.fact_from_event(event(opioid_free_evidence=event_pb2.OpioidFreeEvidence(kind="pdmp_review")))
    assert evidence == facts.Evidence(kind="pdmp_review", **ENVELOPE)
    confirmed = event_pb2.ConfirmedOpioid(form_key="oxycodone_ir")
    half = event_facts.fact_from_event(
        event(ultra_low_dose_confirmed=event_pb2.UltraLowDoseConfirmation(by="pharmacist", opioids=[confirmed]))
    )
    assert isinstance(half, facts.Confirmation)
    assert (half.daily_dose_mg, half.opioids[0].daily_dose_mg) == (0, None)


def test_a_procedure_that_nobody_planned_for_a_time_breaks_the_contract():
    with pytest.raises(ValueError, match="without a time"):
        event_facts.fact_from_event(event(procedure_planned=event_pb2.Procedure(opioid_expected=True)))


@pytest.mark.parametrize("stated", ["", "0", "0.0"])
def test_a_days_supply_of_zero_is_missing_and_the_opioid_is_not_gone_the_day_after(stated: str):
    def filled(event_id: str, day: int, **medicine: object) -> event_pb2.Event:
        fill = event(medication_filled=event_pb2.Fill(medicine=event_pb2.Medicine(coded=True, **medicine)))
        fill.MergeFrom(event_pb2.Event(event_key=facts.event_key("pms-1", event_id), event_id=event_id))
        fill.occurred.CopyFrom(event_facts.occurred_time(facts.Moment.instant(AT + timedelta(days=day))))
        return fill

    events = [
        filled("methadone", 0, ingredients=["6813"], form_key="methadone_oral", days_supply=stated),
        filled("ldn", 15, ingredients=["7243"], form_key="ntx_ldn", daily_dose_mg="4.5", days_supply="30"),
    ]
    found = assess(History(facts=event_facts.history_facts(events)), load_catalogue()).findings
    severities = {finding.rule: finding.severity for finding in found}
    assert severities.get("WR-02") is Severity.MAJOR
    assert [finding.anchor_event_id for finding in found if finding.rule == "DQ-01"] == ["methadone"]


def test_a_clock_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="without zone"):
        times.timestamp(datetime(2026, 4, 14, 12))  # noqa: DTZ001  # that is the point


instants = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001  # the strategy wants naive bounds
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001  # as above
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(instants)
def test_an_instant_survives_the_wire_to_the_microsecond(time: datetime):
    stamp = times.timestamp(time)
    expected = Timestamp()
    expected.FromDatetime(time)
    assert stamp == expected
    assert times.instant(stamp) == time
    assert times.instant(stamp).utcoffset() == timedelta(0)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_survives_the_wire_exactly(value: Decimal):
    assert decimals.decimal(decimals.decimal_text(value)) == value
    assert "E" not in decimals.decimal_text(value)


words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
many = st.lists(words, max_size=3).map(tuple)
utc = instants.map(lambda time: time.astimezone(UTC))
hours = st.decimals(min_value=-100_000, max_value=100_000, places=4)
keys = st.binary(min_size=16, max_size=16)
lines = st.builds(
    ArithmeticLine,
    ingredient=words,
    form_key=st.none() | words,
    supply_end=st.none() | utc,
    possible_end=st.none() | utc,
    label_interval_h=hours,
    half_life_high_h=hours,
    multiplier=hours,
    hard_window_h=hours,
    policy_window_h=hours,
    elapsed_h=st.none() | hours,
    text=words,
)
findings = st.builds(
    Finding,
    finding_id=keys,
    rule=words,
    family=words,
    severity=st.sampled_from(Severity),
    display=st.sampled_from(Display),
    reason_codes=many,
    anchor_key=keys,
    anchor_event_id=words,
    anchor_source=words,
    counterpart=st.none() | words,
    active_from=utc,
    earliest_start_time=st.none() | utc,
    no_start_time_reason=st.none() | st.sampled_from(NoStartTime),
    ends_at=st.none() | utc,
    urgency=st.none() | st.sampled_from(Urgency),
    requires_confirmation=st.booleans(),
    text=words,
    recommended_actions=many,
    arithmetic=st.lists(lines, max_size=2).map(tuple),
    max_bud=st.none() | st.dates(),
    max_days_supply=st.none() | st.integers(1, 400),
    evidence_level=words,
    assumptions=many,
    sources=many,
    basis=st.lists(
        st.builds(
            Basis,
            role=words,
            key=keys,
            event_id=words,
            source=words,
            site=words,
            name=words,
            form_key=st.none() | words,
            rx_number=st.none() | words,
            fill_number=st.none() | words,
        ),
        max_size=2,
    ).map(tuple),
)


@given(findings)
def test_a_finding_reads_the_same_from_the_message_as_from_the_core(finding: Finding):
    sent = finding_pb2.Finding.FromString(finding_messages.finding_to_proto(finding).SerializeToString())
    assert finding_json.finding_json(sent) == finding_to_json(finding)


def assessment(*found: Finding) -> Assessment:
    return Assessment(
        findings=found, rules_run=("WR-02", "WR-01"), rules_not_covered=("HN-01",), satisfied=(), unread=("merge",)
    )


CATALOGUE = SimpleNamespace(ruleset_seq=3, ruleset_version="3f1c")


@given(st.lists(findings, unique_by=lambda one: one.finding_id, max_size=3), st.randoms())
def test_a_finding_set_says_the_same_whatever_the_order_and_the_position(found: list[Finding], chance):
    first = finding_messages.published_findings(KEY, 4, assessment(*found), CATALOGUE)
    chance.shuffle(found)
    second = finding_messages.published_findings(KEY, 9, assessment(*found), CATALOGUE)
    assert first.content_hash == second.content_hash
    sets = [finding_pb2.FindingSet.FromString(one.value) for one in (first, second)]
    assert [one.position for one in sets] == [4, 9]
    sets[0].position = 9
    assert sets[0].SerializeToString(deterministic=True) == second.value


@given(st.lists(findings, unique_by=lambda one: one.finding_id, max_size=3))
def test_the_hash_of_a_set_is_that_of_its_findings_and_coverage(found: list[Finding]):
    published = finding_messages.published_findings(KEY, 4, assessment(*found), CATALOGUE, state_epoch=2)
    read = finding_pb2.FindingSet.FromString(published.value)
    assert (read.patient, read.ruleset_seq, read.ruleset_version, read.build) == (KEY, 3, "3f1c", 2)
    assert published.value == read.SerializeToString(deterministic=True)
    assert [one.finding_id for one in read.findings] == sorted(one.finding_id for one in found)
    assert published.content_hash == finding_messages.finding_set_hash(read)


@given(findings)
def test_another_finding_or_another_rule_that_ran_changes_the_hash(finding: Finding):
    empty = finding_messages.published_findings(KEY, 4, assessment(), CATALOGUE)
    full = finding_messages.published_findings(KEY, 4, assessment(finding), CATALOGUE)
    wider = finding_messages.published_findings(KEY, 4, replace(assessment(), rules_run=("WR-02",)), CATALOGUE)
    assert len({one.content_hash for one in (empty, full, wider)}) == 3


@given(findings)
def test_a_newer_ruleset_or_build_that_says_the_same_has_the_same_hash(finding: Finding):
    newer = SimpleNamespace(ruleset_seq=4, ruleset_version="77aa")
    first = finding_messages.published_findings(KEY, 4, assessment(finding), CATALOGUE)
    second = finding_messages.published_findings(KEY, 5, assessment(finding), newer, state_epoch=1)
    assert first.value != second.value
    assert first.content_hash == second.content_hash


def test_a_set_names_what_was_not_checked():
    published = finding_messages.published_findings(KEY, 4, assessment(), CATALOGUE)
    covered = finding_pb2.FindingSet.FromString(published.value).coverage
    assert list(covered.rules_run) == ["WR-01", "WR-02"]
    assert list(covered.rules_not_covered) == ["HN-01"]
    assert list(covered.facts_not_read) == ["merge"]


def test_severities_and_displays_have_the_names_of_the_core():
    values = finding_pb2.Severity.values()[1:], finding_pb2.Display.values()[1:]
    assert {finding_json.severity_name(value) for value in values[0]} == set(Severity)
    assert {finding_json.display_name(value) for value in values[1]} == set(Display)
