"""Events become the facts they state, findings the messages they mean; nothing is rounded, nothing is dropped."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pharmacy.events.v1 import event_pb2
from rx_clinical import History, assess, load_catalogue
from rx_clinical.model import facts
from rx_clinical.model.findings import (
    Severity,
)
from rx_contracts.wire import event_facts, times

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
