"""What goes out for a batch of events: a pure function of what is held and what came in.

Each event that changes a patient's facts is assessed on its own, and a set is published whenever it says something
else than the one before. So the published sequence is a function of the event log alone, never of how the log was cut
into batches or where a process died: a record repeated after a crash equals the one it repeats, byte for byte.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from rx_monitor.domain.patient import UNKNOWN, HeldEvent, Patient, Pseudonym, fold


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event as read: whose it is and at which offset it stands."""

    patient: Pseudonym
    offset: int
    event: HeldEvent


@dataclass(frozen=True, slots=True)
class FindingSet:
    """The whole of a patient's findings, encoded. `content_hash` leaves the position out."""

    value: bytes
    content_hash: bytes
    is_empty: bool


Assess = Callable[[Pseudonym, Patient], FindingSet]


@dataclass(slots=True)
class Decision:
    """What a batch amounts to: finding sets in the order of their events, and the changed patients."""

    findings: list[tuple[Pseudonym, bytes]] = field(default_factory=list)
    patients: dict[Pseudonym, Patient] = field(default_factory=dict)


def decide(known: Mapping[Pseudonym, Patient], events: Iterable[Incoming], assess: Assess) -> Decision:
    """Fold each event in the order of the log; assess and publish where that changed something."""
    decision = Decision()
    for incoming in events:
        name = incoming.patient
        before = decision.patients.get(name) or known.get(name, UNKNOWN)
        after = fold(before, incoming.event, incoming.offset)
        if after is before:
            continue
        found = assess(name, after)
        if _says_something_new(found, before):
            decision.findings.append((name, found.value))
            after = replace(after, findings_hash=found.content_hash)
        decision.patients[name] = after
    return decision


def _says_something_new(found: FindingSet, before: Patient) -> bool:
    if not before.findings_hash:
        return not found.is_empty
    return found.content_hash != before.findings_hash
