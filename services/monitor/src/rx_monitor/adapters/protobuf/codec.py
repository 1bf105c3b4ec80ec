"""Bytes of the event log and the changelog to the domain and back.

Events stay encoded, and packed in a state: to fold one in, none of the facts already held is decoded.
"""

from pharmacy.events.v1.monitor_pb2 import EventIdentity, PatientState

from rx_monitor.adapters.protobuf.packing import KEY_BYTES, pack, unpack
from rx_monitor.domain.patient import EventKey, Held, HeldEvent, Patient, Stamp
from rx_monitor.ports import EventRecord


class ProtoCodec:
    """The protobuf encoding; `ruleset_seq` names the ruleset that assesses, `build` the state that it belongs to."""

    def __init__(self, ruleset_seq: int, build: int = 0) -> None:
        self._ruleset_seq = ruleset_seq
        self._build = build

    def event(self, record: EventRecord) -> HeldEvent:
        """The event of a record, without its patient. Raises ValueError if the key of the record is not the patient."""
        identity = EventIdentity.FromString(record.value)
        if identity.patient != record.key:
            raise ValueError(f"the record at offset {record.offset} is not keyed by its patient")
        identity.ClearField("patient")  # the key of the state says it
        # What is not of the identity stays as it is, behind what is.
        content = identity.SerializeToString(deterministic=True)
        return HeldEvent(EventKey(identity.event_key), _revision(identity), content)

    def patient(self, encoded: bytes) -> Patient:
        """The patient of an encoded state; what another ruleset made of the facts is left behind."""
        state = PatientState.FromString(encoded)
        known = state.ruleset_seq == self._ruleset_seq and state.HasField("kinds")
        return Patient(
            events={EventKey(packed[:KEY_BYTES]): PackedEvent(packed) for packed in state.packed_events},
            position=state.position,
            findings_hash=state.findings_hash,
            kinds=state.kinds if known else None,
            is_assessed=state.ruleset_seq == self._ruleset_seq,
        )

    def encode(self, patient: Patient) -> bytes:
        """The encoded state, events sorted by key: equal patients, equal bytes."""
        return PatientState(
            packed_events=sorted([_packed(event) for event in patient.events.values()]),
            position=patient.position,
            findings_hash=patient.findings_hash,
            ruleset_seq=self._ruleset_seq if patient.is_assessed else 0,
            kinds=patient.kinds,
            build=self._build,
        ).SerializeToString(deterministic=True)

    def stamp(self, encoded: bytes) -> Stamp:
        """What orders an encoded state among those of its patient."""
        return stamp_of(encoded)


class PackedEvent:
    """A held event out of a state, unpacked when somebody asks."""

    __slots__ = ("packed",)

    def __init__(self, packed: bytes) -> None:
        self.packed = packed

    @property
    def key(self) -> EventKey:
        """See Held."""
        return EventKey(self.packed[:KEY_BYTES])

    @property
    def revision(self) -> tuple[int, int]:
        """See Held."""
        return _revision(EventIdentity.FromString(self.content))

    @property
    def content(self) -> bytes:
        """See Held."""
        return unpack(self.packed)


def stamp_of(encoded: bytes) -> Stamp:
    """What orders an encoded state among those of its patient."""
    state = PatientState.FromString(encoded)
    return Stamp(state.build, state.position, state.ruleset_seq)


def _packed(event: Held) -> bytes:
    return event.packed if isinstance(event, PackedEvent) else pack(event.content)


def _revision(identity: EventIdentity) -> tuple[int, int]:
    return (identity.source_revision, identity.coding_revision)
