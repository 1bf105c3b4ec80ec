"""Versions that order the records of one patient. Compare whole values: the field order is the order of precedence.

Kafka keeps a patient's records in the order they were written, and a paused producer may write an old one last. So a
reader keeps the record with the highest version, not the last record.
"""

from typing import NamedTuple


class FindingSetVersion(NamedTuple):
    """Version of a patient's finding set in `rx.findings.v1`; the highest is current."""

    state_epoch: int
    """Number of rebuilds of the monitor's state, from 0 (field `build`): positions of two epochs do not compare."""
    ruleset_seq: int
    """Sequence number of the ruleset that assessed the patient, from 1; a newer ruleset wins at any position."""
    position: int
    """Offset in `rx.medication-events.v1` of the newest event assessed; -1 if none was."""


class StateVersion(NamedTuple):
    """Version of a patient's state in `rx.monitor-state.v1`; the highest is current.

    Position precedes ruleset here: a state is the facts, and the same facts assessed by a newer ruleset replace them.
    """

    state_epoch: int
    """Number of rebuilds of the monitor's state, from 0 (field `build`)."""
    position: int
    """Offset in `rx.medication-events.v1` of the newest event folded in; -1 if none was."""
    ruleset_seq: int
    """Sequence number of the ruleset that assessed the facts; 0 if none has."""
