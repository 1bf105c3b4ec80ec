"""Bytes of the event log and the changelog to the domain and back."""

from pharmacy.events.v1.event_pb2 import Event
from pharmacy.events.v1.monitor_pb2 import PatientState

from rx_monitor.domain.patient import EventKey, HeldEvent, Patient
from rx_monitor.ports import EventRecord


class ProtoCodec:
    """The protobuf encoding; `ruleset_seq` names the ruleset that the states were assessed with."""

    def __init__(self, ruleset_seq: int) -> None:
        self._ruleset_seq = ruleset_seq

    def event(self, record: EventRecord) -> HeldEvent:
        """The event of a record. Raises ValueError if its key is not the patient of the event."""
        event = Event.FromString(record.value)
        if event.patient != record.key:
            raise ValueError(f"the record at offset {record.offset} is not keyed by its patient")
        return _held(event)

    def patient(self, encoded: bytes) -> Patient:
        """The patient of an encoded state."""
        state = PatientState.FromString(encoded)
        held = (_held(event) for event in state.events)
        return Patient(
            events={event.key: event for event in held}, position=state.position, findings_hash=state.findings_hash
        )

    def encode(self, patient: Patient) -> bytes:
        """The encoded state, events sorted by key: equal patients, equal bytes."""
        return PatientState(
            events=[Event.FromString(patient.events[key].content) for key in sorted(patient.events)],
            position=patient.position,
            findings_hash=patient.findings_hash,
            ruleset_seq=self._ruleset_seq,
        ).SerializeToString(deterministic=True)


def position_of(encoded: bytes) -> int:
    """Position of an encoded state."""
    return PatientState.FromString(encoded).position


def _held(event: Event) -> HeldEvent:
    return HeldEvent(
        key=EventKey(event.event_key),
        revision=(event.source_revision, event.coding_revision),
        # Written anew, so that the same event has the same bytes from the log and from the changelog.
        content=event.SerializeToString(deterministic=True),
    )
