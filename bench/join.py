"""The minimal join as the Python engines compute it; README.md defines it, `reference.py` counts what it must give.

Needs nothing but the generated `pharmacy` package, so that an engine in an environment of its own can import it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pharmacy.events.v1.event_pb2 import Event

WINDOW_S = 14 * 86_400
EVENT_CLASS = "rx-class"  # rx_runtime.kafka.headers, which the environment of an engine may lack
IRRELEVANT = b"irrelevant"
NEITHER, ANTAGONIST, OPIOID = 0, 1, 2  # as bits
ROLES = {
    **dict.fromkeys(("ntx_oral", "ntx_ldn", "ntx_uldn", "ntx_er_contrave", "ntx_depot", "samidorphan"), ANTAGONIST),
    "nalmefene": ANTAGONIST,
    **dict.fromkeys(("oxycodone_ir", "oxycodone_er", "hydrocodone_ir", "tramadol_ir", "methadone_oral"), OPIOID),
    **dict.fromkeys(("fentanyl_td", "bup_sl"), OPIOID),
}
"""Role of a form. Every other form is neither."""


class Held(NamedTuple):
    """What is remembered of an event."""

    revision: tuple[int, int]
    role: int
    occurred_s: int


State = dict[bytes, Held]
"""Of one patient: the highest revision of each event, by its key."""


def is_skipped(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether the header says that nothing in the event concerns any rule: it is passed without being decoded."""
    return any(name == EVENT_CLASS and value == IRRELEVANT for name, value in headers)


def read(value: bytes) -> tuple[bytes, Held]:
    """Key and content of an encoded event."""
    event = Event.FromString(value)
    role = ROLES.get(event.medication_filled.medicine.form_key, NEITHER)
    revision = (event.source_revision, event.coding_revision)
    return event.event_key, Held(revision, role, event.occurred.earliest_time.seconds)


def fold(state: State, key: bytes, held: Held) -> bytes | None:
    """Remember one more event in `state`; the output if the pairs of the patient are others than before."""
    before = state.get(key)
    if before is not None and held.revision <= before.revision:
        return None
    if not held.role and (before is None or not before.role):
        state[key] = held
        return None
    old = output(state)
    state[key] = held
    new = output(state)
    return new if new != old else None


def output(state: Mapping[bytes, Held]) -> bytes:
    """Return a byte 1, then the keys of every antagonist and opioid within the window, sorted.

    Byte 1 alone says that there is no pair.
    """
    opioids = [(key, held.occurred_s) for key, held in state.items() if held.role == OPIOID]
    if not opioids:
        return b"\x01"
    pairs = [
        antagonist + opioid
        for antagonist, held in state.items()
        if held.role == ANTAGONIST
        for opioid, opioid_s in opioids
        if abs(held.occurred_s - opioid_s) <= WINDOW_S
    ]
    return b"\x01" + b"".join(sorted(pairs))
