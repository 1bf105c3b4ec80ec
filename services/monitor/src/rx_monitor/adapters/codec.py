"""Bytes of the event log and the changelog to the domain and back. Events stay encoded: only their identity is read."""

from pharmacy.events.v1.monitor_pb2 import EncodedPatientState, EventIdentity

from rx_monitor.domain.patient import EventKey, HeldEvent, Patient
from rx_monitor.ports import EventRecord


class ProtoCodec:
    """The protobuf encoding; `ruleset_seq` names the ruleset that the states were assessed with."""

    def __init__(self, ruleset_seq: int) -> None:
        self._ruleset_seq = ruleset_seq

    def event(self, record: EventRecord) -> HeldEvent:
        """The event of a record. Raises ValueError if its key is not the patient of the event."""
        identity = EventIdentity.FromString(record.value)
        if identity.patient != record.key:
            raise ValueError(f"the record at offset {record.offset} is not keyed by its patient")
        return _held(identity, record.value)

    def patient(self, encoded: bytes) -> Patient:
        """The patient of an encoded state; what another ruleset made of the facts is left behind."""
        state = EncodedPatientState.FromString(encoded)
        held = [_held(EventIdentity.FromString(content), content) for content in state.events]
        known = state.ruleset_seq == self._ruleset_seq and state.HasField("kinds")
        return Patient(
            events={event.key: event for event in held},
            position=state.position,
            findings_hash=state.findings_hash,
            kinds=state.kinds if known else None,
        )

    def encode(self, patient: Patient) -> bytes:
        """The encoded state, events sorted by key: equal patients, equal bytes."""
        return EncodedPatientState(
            events=[patient.events[key].content for key in sorted(patient.events)],
            position=patient.position,
            findings_hash=patient.findings_hash,
            ruleset_seq=self._ruleset_seq,
            kinds=patient.kinds,
        ).SerializeToString(deterministic=True)


def position_of(encoded: bytes) -> int:
    """Position of an encoded state."""
    return EncodedPatientState.FromString(encoded).position


def _held(identity: EventIdentity, content: bytes) -> HeldEvent:
    return HeldEvent(
        key=EventKey(identity.event_key),
        revision=(identity.source_revision, identity.coding_revision),
        content=content,
    )
