"""Protobuf encoding of the event log and the changelog.

Events stay encoded, and packed in a state: folding one in decodes none of the stored facts but the one it revises.
"""

from pharmacy.events.v1.monitor_pb2 import EventIdentity, PatientState
from rx_contracts.ids import EventKey
from rx_contracts.versions import StateVersion

from rx_monitor.adapters.protobuf.packing import KEY_BYTES, may_contain, pack, unpack
from rx_monitor.domain.patient import EventRevision, Patient, StoredRevision
from rx_monitor.ports import EventRecord


class ProtoCodec:
    """Codec for states of one ruleset (the one that assesses) and one state epoch."""

    def __init__(self, ruleset_seq: int, state_epoch: int = 0) -> None:
        self._ruleset_seq = ruleset_seq
        self._state_epoch = state_epoch

    def decode_event(self, record: EventRecord) -> EventRevision:
        """Return the event without its patient. Raises ValueError unless the record is keyed by the event's patient."""
        identity = EventIdentity.FromString(record.value)
        if identity.patient != record.key:
            raise ValueError(f"the record at offset {record.offset} is not keyed by its patient")
        identity.ClearField("patient")  # the key of the state holds it
        # Unknown fields, which are all but the identity, are serialized unchanged after the known ones.
        content = identity.SerializeToString(deterministic=True)
        return EventRevision(EventKey(identity.event_key), _revision(identity), content)

    def decode_state(self, encoded: bytes) -> Patient:
        """See Codec. Drops the fact bits if another ruleset computed them."""
        state = PatientState.FromString(encoded)
        has_our_bits = state.ruleset_seq == self._ruleset_seq and state.HasField("kinds")
        return Patient(
            events={EventKey(packed[:KEY_BYTES]): PackedEvent(packed) for packed in state.packed_events},
            position=state.position,
            findings_hash=state.findings_hash,
            fact_bits=state.kinds if has_our_bits else None,
            is_assessed=state.ruleset_seq == self._ruleset_seq,
        )

    def encode_state(self, patient: Patient) -> bytes:
        """See Codec. Sorts events by key."""
        return PatientState(
            packed_events=sorted([_packed(event) for event in patient.events.values()]),
            position=patient.position,
            findings_hash=patient.findings_hash,
            ruleset_seq=self._ruleset_seq if patient.is_assessed else 0,
            kinds=patient.fact_bits,
            build=self._state_epoch,
        ).SerializeToString(deterministic=True)

    def state_version(self, encoded: bytes) -> StateVersion:
        """See Codec."""
        return state_version(encoded)

    may_hold = staticmethod(may_contain)  # no call of its own: it runs for every skipped record


class PackedEvent:
    """A stored revision out of a state, unpacked on access."""

    __slots__ = ("packed",)

    def __init__(self, packed: bytes) -> None:
        self.packed = packed

    @property
    def key(self) -> EventKey:
        """See StoredRevision."""
        return EventKey(self.packed[:KEY_BYTES])

    @property
    def revision(self) -> tuple[int, int]:
        """See StoredRevision."""
        return _revision(EventIdentity.FromString(self.content))

    @property
    def content(self) -> bytes:
        """See StoredRevision."""
        return unpack(self.packed)


def state_version(encoded: bytes) -> StateVersion:
    """Return the version of an encoded state."""
    state = PatientState.FromString(encoded)
    return StateVersion(state.build, state.position, state.ruleset_seq)


def _packed(event: StoredRevision) -> bytes:
    return event.packed if isinstance(event, PackedEvent) else pack(event.content)


def _revision(identity: EventIdentity) -> tuple[int, int]:
    return (identity.source_revision, identity.coding_revision)
