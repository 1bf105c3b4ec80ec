"""A load for monitors under fault: histories of many patients, told in the words of the reference evaluator.

Everything follows from one seed: opioids and antagonists of several tiers, interacting and irrelevant medicines,
orders, hand-overs, returns, voids, revisions, some late, some twice, the patients mixed.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pharmacy.events.v1.event_pb2 import Event, Medicine, OccurredTime
from rx_clinical.model.facts import event_key
from rx_contracts.wire.times import timestamp

SOURCE = "pms-1"
BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
OPIOIDS = (
    {"ingredients": ["6813"], "form_key": "methadone_oral", "product": "methadone 10 mg tablet", "rxnorm": "864706"},
    {"ingredients": ["7804"], "form_key": "oxycodone_ir", "product": "oxycodone 5 mg tablet"},
    {"ingredients": ["7804"], "form_key": "oxycodone_er", "product": "OxyContin 10 mg"},
    {"ingredients": ["5489"], "form_key": "hydrocodone_ir", "product": "Norco 5/325"},
)
ANTAGONISTS = (
    {
        "ingredients": ["7243"],
        "form_key": "ntx_ldn",
        "product": "compounded LDN 4.5 mg capsule",
        "daily_dose_mg": "4.5",
    },
    {"ingredients": ["7243"], "form_key": "ntx_oral", "product": "naltrexone 50 mg tablet", "daily_dose_mg": "50"},
    {"ingredients": ["61381"], "form_key": "samidorphan", "product": "Lybalvi", "daily_dose_mg": "10"},
)
INTERACTING = {"ingredients": ["9143"], "product": "ranitidine 150 mg tablet"}
IRRELEVANT = (
    {"ingredients": ["2418"], "product": "vitamin D3 1000 IU"},
    {"ingredients": ["29046"], "product": "lisinopril 10 mg"},
)
DAYS_SUPPLY = ("3", "7", "14", "30")


@dataclass(frozen=True)
class Told:
    """One event: as the log holds it, and in the words of the reference evaluator."""

    event: Event
    fact: dict[str, Any]
    kind: bytes  # the header rx-class


def histories(chance: random.Random, patients: list[bytes]) -> list[Told]:
    """The events of these patients, mixed, a tenth of them twice."""
    told = [one for patient in patients for one in history(patient)]
    told += chance.sample(told, len(told) // 10)
    chance.shuffle(told)
    return told


def history(patient: bytes) -> list[Told]:
    """One patient's events: a function of the pseudonym alone."""
    chance = random.Random(patient)  # noqa: S311  # repeatable on purpose
    teller = Teller(chance, patient)
    # One antagonist a patient, no two events at one instant, no order whose fill is undone or of another medicine:
    # there the core and the reference evaluator read the text apart.
    antagonist = chance.sample(ANTAGONISTS, 1)
    for number in range(chance.randint(1, 2)):
        teller.supply(f"opioid-{number}", OPIOIDS, chance.choice((0, 2, 10, 20)))
    for number, day in enumerate(chance.sample((1, 8, 14, 24, 35, 44), chance.choice((0, 1, 1, 1, 2)))):
        teller.supply(f"blocker-{number}", antagonist, day)
    if chance.random() < 0.3:
        teller.supply("interacting", (INTERACTING,), chance.choice((0, 5, 20)))
    for number in range(chance.randint(1, 4)):
        teller.supply(f"other-{number}", IRRELEVANT, chance.randint(0, 60))
    return teller.told


class Teller:
    """Tells the events of one patient."""

    def __init__(self, chance: random.Random, patient: bytes) -> None:
        self.told: list[Told] = []
        self._chance = chance
        self._patient = patient

    def supply(self, name: str, products: Sequence[dict[str, Any]], day: int) -> None:
        """A fill and what becomes of it."""
        chance = self._chance
        supply = {"days_supply": chance.choice(DAYS_SUPPLY)}
        product = chance.choice(products)
        ordered = chance.random() < 0.25
        if ordered:
            self._tell("prescription", f"order-{name}", day, product | supply | {"status": "active", "intent": "order"})
        self._tell("fill", name, day, product | supply)
        if chance.random() < 0.25:  # entered anew: another supply, or even another medicine
            other = product if ordered else chance.choice((product, *IRRELEVANT, *OPIOIDS))
            self._tell("fill", name, day, other | {"days_supply": chance.choice(DAYS_SUPPLY)}, revision=2)
        if products is IRRELEVANT:
            return
        if chance.random() < 0.4:
            self._tell("handed_over", f"handed-{name}", day + 1, {"refers_to": name})
        if not ordered:
            self._undo(name, day + 3)

    def _undo(self, name: str, day: int) -> None:
        if self._chance.random() < 0.2:
            self._tell("returned_to_stock", f"returned-{name}", day, {"refers_to": name})
        elif self._chance.random() < 0.1:
            self._tell("void", f"void-{name}", day, {"refers_to": name})

    def _tell(self, kind: str, name: str, day: int, content: dict[str, Any], revision: int = 1) -> None:
        at = BEGIN + timedelta(days=day, hours=12 * (revision - 1), minutes=len(self.told))
        recorded = at + timedelta(days=self._chance.choice((0, 0, 0, 0, 3)))
        fact = {
            "type": kind,
            "id": name,
            "at": text_of(at),
            "recorded_at": text_of(recorded),
            "revision": str(revision),
            "patient": self._patient.hex(),
            "source": SOURCE,
            "site": "main",
            "route": "oral",
        } | content
        self.told.append(Told(event_of(fact, self._patient, at, recorded), fact, class_of(kind, content, revision)))


def class_of(kind: str, content: dict[str, Any], revision: int) -> bytes:
    """The class that the edge gives: only a first revision of an irrelevant medicine may pass unread."""
    if revision > 1 or kind in {"handed_over", "returned_to_stock", "void"}:
        return b"correction"
    return b"irrelevant" if content["ingredients"] in [one["ingredients"] for one in IRRELEVANT] else b"relevant"


def event_of(fact: dict[str, Any], patient: bytes, at: datetime, recorded: datetime) -> Event:
    """The event that says the same."""
    stamp = timestamp(at)
    return Event(
        event_key=event_key(SOURCE, fact["id"]),
        event_id=fact["id"],
        source=SOURCE,
        source_revision=int(fact["revision"]),
        site_id="main",
        patient=patient,
        occurred=OccurredTime(earliest_time=stamp, latest_time=stamp),
        recorded_time=timestamp(recorded),
        **_CONTENTS[fact["type"]](fact),
    )


def medicine(fact: dict[str, Any]) -> Medicine:
    return Medicine(
        text=fact["product"],
        coded=True,
        ingredients=fact["ingredients"],
        form_key=fact.get("form_key", ""),
        product_code=fact.get("rxnorm", ""),
        route="oral",
        daily_dose_mg=fact.get("daily_dose_mg", ""),
        days_supply=fact["days_supply"],
    )


def named(fact: dict[str, Any]) -> dict[str, bytes]:
    return {"event_key": event_key(SOURCE, fact["refers_to"])}


_CONTENTS = {
    "fill": lambda fact: {"medication_filled": {"medicine": medicine(fact)}},
    "prescription": lambda fact: {
        "prescription_written": {"medicine": medicine(fact), "status": fact["status"], "intent": fact["intent"]}
    },
    "handed_over": lambda fact: {"medication_handed_over": named(fact)},
    "returned_to_stock": lambda fact: {"medication_returned_to_stock": named(fact)},
    "void": lambda fact: {"medication_voided": named(fact)},
}


def text_of(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%MZ")


def patients(chance: random.Random) -> Iterator[bytes]:
    """Pseudonyms without end, 16 bytes each."""
    while True:
        yield chance.randbytes(16)
