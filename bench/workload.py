"""The event log that every engine reads: one file, a function of seed and size alone.

A record of the file is a byte for the class, two for the length of the value, 16 of the patient, 16 of the event key,
and the value: the encoded `Event`. Order in the file is the order of the log.
"""

import argparse
import hashlib
import json
import random
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from pharmacy.events.v1.event_pb2 import Event, Fill, InboundPosition, OccurredTime
from rich.console import Console
from rich.progress import track
from rx_clinical import Catalogue, load_catalogue
from rx_clinical.model.facts import event_key
from rx_runtime.kafka import headers
from rx_runtime.kafka.headers import EVENT_CLASS, EVENT_KEY

from bench.medicines import PRODUCTS, Group, coded

FULL_EVENTS, QUICK_EVENTS = 2_000_000, 100_000
EVENTS_PER_PATIENT = 10
SHARES = {Group.ANTAGONIST: 0.05, Group.OPIOID: 0.15, Group.OTHER: 0.10, Group.IRRELEVANT: 0.70}
LATE, DUPLICATED, CORRECTED = 0.02, 0.01, 0.01
"""Shares of events that happened days before they are recorded, are sent a second time, or correct an earlier one."""

CLASSES = (b"irrelevant", b"relevant", b"correction")
"""Values of the header `rx-class`; the file holds their places in this tuple."""

RULESET = str(load_catalogue().ruleset_seq).encode()
"""Value of the header `rx-ruleset`: the tables that told the class are those of the monitor."""

SOURCE, SITE = "bench", "utc"
_FIRST_DAY = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp())
_YEAR_S = 365 * 86_400
_LATE_S = (3 * 86_400, 45 * 86_400)
_OTHER_PRODUCT = 0.1  # share of corrections that name another product
_REMEMBERED = 5_000  # how many events back a duplicate or a correction may reach
_REPEATED = ((Group.OPIOID, 0), (Group.OTHER, 3), (Group.ANTAGONIST, 2))
_HEAD = struct.Struct("<BH16s16s")
_LAYOUT = 1  # of file and generator; a file of another one is made anew


class Record(NamedTuple):
    """A record of the event log."""

    event_class: bytes
    patient: bytes
    event_key: bytes
    value: bytes

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """As the prescriptions service writes them."""
        return [(EVENT_CLASS, self.event_class), (EVENT_KEY, self.event_key), (headers.RULESET, RULESET)]


class _Fact(NamedTuple):
    """What stays of an event until a later one repeats or corrects it."""

    number: int
    patient: int
    group: Group
    product: int
    occurred_s: int


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A file that has been generated."""

    path: Path
    sha256: str
    seed: int
    events: int
    patients: int

    def records(self) -> Iterator[Record]:
        """Every record in the order of the log."""
        with self.path.open("rb") as file:
            while head := file.read(_HEAD.size):
                number, length, patient, key = _HEAD.unpack(head)
                yield Record(CLASSES[number], patient, key, file.read(length))

    def description(self) -> dict[str, object]:
        """Return the description of the workload for the results."""
        return {"sha256": self.sha256, "seed": self.seed, "events": self.events, "patients": self.patients}


class Fills:
    """Makes the events: the products are coded once."""

    def __init__(self, catalogue: Catalogue) -> None:
        medicines = {group: [coded(one, catalogue) for one in products] for group, products in PRODUCTS.items()}
        self._fills = {group: [Fill(medicine=one, rx_number="1") for one, _ in of] for group, of in medicines.items()}
        wrong = [group for group, of in medicines.items() if {read for _, read in of} != {group != Group.IRRELEVANT}]
        if wrong:
            raise ValueError(f"not all of these are what they are listed as: {wrong}")

    def record(
        self,
        event_class: bytes,
        patient: bytes,
        event_id: str,
        *,
        group: Group,
        product: int,
        occurred_s: int,
        recorded_s: int,
        revision: int = 1,
        number: int = 0,
    ) -> Record:
        """Return the record of a fill; `number` is its place in the inbound topic."""
        key = event_key(SOURCE, event_id)
        event = Event(
            event_key=key,
            event_id=event_id,
            source=SOURCE,
            source_revision=revision,
            site_id=SITE,
            patient=patient,
            occurred=OccurredTime(earliest_time={"seconds": occurred_s}, latest_time={"seconds": occurred_s}),
            recorded_time={"seconds": recorded_s},
            inbound=InboundPosition(partition=number % 8, offset=number // 8),
            medication_filled=self._fills[group][product],
        )
        return Record(event_class, patient, key, event.SerializeToString(deterministic=True))


def histories(fills: Fills, name: str, patients: range, facts: range) -> Iterator[Record]:
    """Relevant facts of as many patients: every patient's first, then every patient's second, and so on.

    Oxycodone and levothyroxine in turn, every tenth fact low-dose naltrexone, a day and a half apart.
    """
    for fact in facts:
        group, product = _REPEATED[-1] if fact % 10 == 9 else _REPEATED[fact % 2]  # noqa: PLR2004  # the tenth
        at = _FIRST_DAY + fact * 129_600
        for patient in patients:
            pseudonym = blake2b(f"{name}/{patient}".encode(), digest_size=16).digest()
            yield fills.record(
                CLASSES[1],
                pseudonym,
                f"{name}-{patient}-{fact}",
                group=group,
                product=product,
                occurred_s=at,
                recorded_s=at,
            )


class Generator:
    """Draws records; the same seed draws the same ones."""

    def __init__(self, seed: int, events: int, catalogue: Catalogue) -> None:
        self._random = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._events = events
        self._patients = max(1, events // EVENTS_PER_PATIENT)
        self._names = [blake2b(b"%d/%d" % (seed, number), digest_size=16).digest() for number in range(self._patients)]
        self._recent: list[tuple[_Fact, Record]] = []
        self._fills = Fills(catalogue)

    def records(self) -> Iterator[Record]:
        """As many records as asked for, in the order of the log."""
        for number in range(self._events):
            recorded_s = _FIRST_DAY + number * _YEAR_S // self._events
            kind = self._random.random()
            if self._recent and kind < DUPLICATED:
                yield self._random.choice(self._recent)[1]
            elif self._recent and kind < DUPLICATED + CORRECTED:
                yield self._correction(recorded_s, number)
            else:
                yield self._first(number, recorded_s, late=kind > 1 - LATE)

    def _first(self, number: int, recorded_s: int, *, late: bool) -> Record:
        (group,) = self._random.choices(tuple(SHARES), tuple(SHARES.values()))
        product = self._random.randrange(len(PRODUCTS[group]))
        occurred_s = recorded_s - (self._random.randint(*_LATE_S) if late else self._random.randint(0, 3_600))
        fact = _Fact(number, self._random.randrange(self._patients), group, product, occurred_s)
        event_class = CLASSES[0] if group is Group.IRRELEVANT else CLASSES[1]
        record = self._record(fact, event_class, 1, recorded_s, number)
        if len(self._recent) < _REMEMBERED:
            self._recent.append((fact, record))
        else:
            self._recent[number % _REMEMBERED] = (fact, record)
        return record

    def _correction(self, recorded_s: int, number: int) -> Record:
        """Return the next revision of an earlier event: another day, now and then another product of any group."""
        place = self._random.randrange(len(self._recent))
        fact, before = self._recent[place]
        fact = fact._replace(occurred_s=fact.occurred_s - 86_400)
        if self._random.random() < _OTHER_PRODUCT:
            (group,) = self._random.choices(tuple(SHARES))
            fact = fact._replace(group=group, product=self._random.randrange(len(PRODUCTS[group])))
        revision = Event.FromString(before.value).source_revision + 1
        record = self._record(fact, CLASSES[2], revision, recorded_s, number)
        self._recent[place] = (fact, record)
        return record

    def _record(self, fact: _Fact, event_class: bytes, revision: int, recorded_s: int, number: int) -> Record:
        return self._fills.record(
            event_class,
            self._names[fact.patient],
            f"fill-{fact.number}",
            group=fact.group,
            product=fact.product,
            occurred_s=fact.occurred_s,
            recorded_s=recorded_s,
            revision=revision,
            number=number,
        )


def write(path: Path, seed: int, events: int) -> Workload:
    """Generate a file, and beside it what it is. Progress goes to stderr."""
    digest = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    incoming = path.with_suffix(".incoming")
    records = Generator(seed, events, load_catalogue()).records()
    with incoming.open("wb") as file:
        for record in track(records, f"generating {events:,} events", total=events, console=Console(stderr=True)):
            head = _HEAD.pack(CLASSES.index(record.event_class), len(record.value), record.patient, record.event_key)
            file.write(head + record.value)
            digest.update(head + record.value)
    patients = max(1, events // EVENTS_PER_PATIENT)
    workload = Workload(path=path, sha256=digest.hexdigest(), seed=seed, events=events, patients=patients)
    incoming.replace(path)
    path.with_suffix(".json").write_text(json.dumps({"layout": _LAYOUT} | workload.description()))
    return workload


def cached(folder: Path, seed: int, events: int) -> Workload | None:
    """Return the workload of that seed and size, if it was generated before."""
    path = folder / f"events-{seed}-{events}.bin"
    described = path.with_suffix(".json")
    if not (path.exists() and described.exists()):
        return None
    known = json.loads(described.read_text())
    if known.pop("layout") != _LAYOUT:
        return None
    return Workload(path=path, **known)


def main() -> None:
    """Generate a file in a process of its own: `python -m bench.workload FOLDER --seed N --events N`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    given = parser.parse_args()
    made = write(given.folder / f"events-{given.seed}-{given.events}.bin", given.seed, given.events)
    print(f"{made.path}: sha256 {made.sha256}", file=sys.stderr)


if __name__ == "__main__":
    main()
