"""A simulated year of ten retail pharmacies: the population that the alert budget is measured on.

Every rate stands in `pharmacy_rates.py`. Records begin a year before the counted one, so that chronic medicines have a
past. A real pharmacy fills about 60,000 prescriptions a year; these fill a third of that each, so that a run takes
about a minute. Everything follows from the seed.

    python -m tests.lib.pharmacy.year --seed 1 --list
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import NamedTuple

from rx_clinical import Catalogue, Finding, History, assess, load_catalogue
from rx_clinical.model.facts import Administration, Fact, Fill

from tests.lib.pharmacy.book import SECOND_SOURCE, YEAR_BEGINS, Pharmacy
from tests.lib.pharmacy.people import Person
from tests.lib.pharmacy.planted_cases import CASES, Planted
from tests.lib.pharmacy.rates import ANTAGONIST_FORMS, OPIOID_FORMS, Rates

PATIENTS_EACH = 1_950  # about 20,000 fills in the counted year
# Of the patients; somewhat below the share who can be hosts of a planted case, so that every case finds one.
SHARE_OF_HOSTS = 0.4
INTERRUPTIVE = "interruptive"


class Patient(NamedTuple):
    """One patient of the simulation."""

    patient_id: str
    history: History
    planted: tuple[Planted, ...] = ()


def simulate(
    seed: int,
    pharmacies: int = 10,
    patients_each: int = PATIENTS_EACH,
    planted: int = 0,
    rates: Rates | None = None,
) -> Iterator[Patient]:
    """Every patient with what is known and what was planted: each case of `planted_cases` so many times.

    A planted case goes to an otherwise ordinary adult whose history is known and holds neither opioid nor antagonist.
    The facts of everybody else are the same with and without planted cases.
    """
    waiting = sorted(CASES) * planted
    shuffler = Random(f"{seed}/planted")  # noqa: S311  # a simulation that repeats
    shuffler.shuffle(waiting)
    hosts = pharmacies * patients_each
    for number in range(pharmacies):
        for index in range(patients_each):
            person = Person(seed, Pharmacy(number), index, rates or Rates())
            person.live()
            # Hosts are drawn as cards are dealt: each of those left is as likely as the next.
            due = bool(waiting) and shuffler.random() * max(hosts * SHARE_OF_HOSTS, 1) < len(waiting)
            hosts -= 1
            planted_here = (person.plant(waiting.pop()),) if due and person.can_host else ()
            yield Patient(person.book.patient, person.history, planted_here)
    if waiting:
        raise ValueError(f"{len(waiting)} cases found no patient: simulate more patients or plant fewer cases")


@dataclass(slots=True)
class Tally:
    """What the counted year held and what was found in it."""

    catalogue: Catalogue
    patients: int = 0
    fills: int = 0
    fills_by_form: Counter[str | None] = field(default_factory=Counter)  # None: neither opioid nor antagonist
    antagonist_users: int = 0
    found: Counter[tuple[str, str]] = field(default_factory=Counter)  # by rule and display, at the end of the year
    interruptive: list[tuple[str, Finding]] = field(default_factory=list)  # with the patient, at the end of the year
    passing: list[tuple[str, Finding]] = field(default_factory=list)  # only in an earlier state

    @property
    def budget(self) -> float:
        """The interruptive findings that the year may have: one in 5,000 fills."""
        return self.fills / 5_000

    @property
    def interruptions(self) -> list[tuple[str, Finding]]:
        """One finding for each time that a person would be interrupted: rules say how often, `fires_once_per`.

        Of a course every counterpart counts once a year.
        """
        first: dict[tuple[str | None, ...], tuple[str, Finding]] = {}
        for patient_id, finding in (*self.interruptive, *self.passing):
            once = {
                "course": (patient_id, finding.rule, finding.counterpart),
                "product": (finding.rule, *(basis.name for basis in finding.basis)),
            }.get(self.catalogue.rules[finding.rule].fires_once_per, (finding.rule, finding.finding_id.hex()))
            first.setdefault(once, (patient_id, finding))
        return list(first.values())

    @property
    def opioid_share(self) -> float:
        """Of the fills."""
        return sum(self.fills_by_form[form] for form in OPIOID_FORMS) / max(self.fills, 1)

    def add(self, patient: Patient, at_the_end: Iterable[Finding], on_the_way: Iterable[Finding] = ()) -> None:
        """Counts a patient and the findings about events of the counted year."""
        self.patients += 1
        counted = {fact.key: fact for fact in patient.history.facts if fact.occurred.latest >= YEAR_BEGINS}
        fills = [fact for fact in counted.values() if isinstance(fact, Fill) and fact.source != SECOND_SOURCE]
        self.fills += len(fills)
        self.fills_by_form.update(fill.medicine.form_key for fill in fills)
        self.antagonist_users += any(_antagonist(fact) for fact in counted.values())
        last = {finding.finding_id: finding for finding in at_the_end if finding.anchor_key in counted}
        self.found.update((finding.rule, finding.display.value) for finding in last.values())
        loud = {key: finding for key, finding in last.items() if finding.display == INTERRUPTIVE}
        self.interruptive += [(patient.patient_id, finding) for finding in loud.values()]
        passing = {finding.finding_id: finding for finding in on_the_way if finding.anchor_key in counted}
        self.passing += [(patient.patient_id, finding) for key, finding in passing.items() if key not in loud]


def _antagonist(fact: Fact) -> bool:
    return isinstance(fact, (Fill, Administration)) and fact.medicine.form_key in ANTAGONIST_FORMS


def tally(patients: Iterable[Patient], catalogue: Catalogue, *, on_the_way: bool = False) -> Tally:
    """Assesses every patient as the records stand at the end of the year, and on request after each fact of it."""
    total = Tally(catalogue)
    for patient in patients:
        passing = interruptions_on_the_way(patient.history, catalogue) if on_the_way else ()
        total.add(patient, assess(patient.history, catalogue).findings, passing)
    return total


def interruptions_on_the_way(history: History, catalogue: Catalogue) -> Iterator[Finding]:
    """Every interruptive finding of every state of the record in the counted year, as facts are recorded one by one.

    People are called when something is found, not at the end of the year: an order whose fill is seen later, or a bag
    that goes back on the shelf, may have called them.
    """
    roles = {fact.key: role for fact in history.facts if (role := _role(fact, catalogue))}
    if not _could_interrupt(set(roles.values())):
        return
    recorded = sorted(history.facts, key=lambda fact: (fact.recorded_at, fact.key))
    for number, fact in enumerate(recorded, 1):
        if fact.recorded_at >= YEAR_BEGINS and _tells(fact, roles):
            state = History(facts=recorded[:number], known_since=history.known_since)
            yield from (finding for finding in assess(state, catalogue).findings if finding.display == INTERRUPTIVE)


def _role(fact: Fact, catalogue: Catalogue) -> tuple[tuple[str, ...], str | None] | None:
    """Ingredients and form of a medicine that some rule looks at."""
    medicine = getattr(fact, "medicine", None)
    if medicine is None or not catalogue.is_relevant(medicine.ingredients, medicine.form_key):
        return None
    return (medicine.ingredients, medicine.form_key)


def _could_interrupt(roles: set[tuple[tuple[str, ...], str | None]]) -> bool:
    """There is an antagonist, or an opioid beside something else; what DQ-03 finds in one record stays found."""
    forms = {form for _, form in roles}
    return bool(forms & ANTAGONIST_FORMS) or (bool(forms & OPIOID_FORMS) and len(roles) > 1)


def _tells(fact: Fact, roles: Mapping[bytes, object]) -> bool:
    """The fact brings something that a rule could look at: it is about the patient or about a medicine with a role."""
    if hasattr(fact, "medicine"):
        return fact.key in roles
    named = getattr(fact, "fill", None) or getattr(fact, "refers_to", None)
    return named is None or named in roles


def fingerprint(patients: Iterable[Patient]) -> str:
    """A hash of everything simulated."""
    hashed = sha256()
    for patient in patients:
        hashed.update(repr((patient.patient_id, patient.history, patient.planted)).encode())
    return hashed.hexdigest()


def table(total: Tally) -> str:
    """A few lines for people who tune rules."""
    lines = [
        f"patients           {total.patients:>9,}",
        f"fills              {total.fills:>9,}",
        f"of opioids         {total.opioid_share:>9.1%}",
        f"antagonist users   {total.antagonist_users:>9,}",
        f"interruptive       {len(total.interruptive):>9,}",
        f"  on the way only  {len(total.passing):>9,}",
        f"  fired once each  {len(total.interruptions):>9,}",
        f"budget             {total.budget:>9.1f}",
        "",
        f"{'rule':<8}{'interruptive':>13}{'queue':>8}{'profile':>9}",
    ]
    for rule in sorted({rule for rule, _ in total.found}):
        loud, queued, quiet = (total.found[rule, display] for display in ("interruptive", "queue", "profile"))
        lines.append(f"{rule:<8}{loud:>13,}{queued:>8,}{quiet:>9,}")
    return "\n".join(lines)


def line(patient_id: str, finding: Finding) -> str:
    """One interruptive finding."""
    found = f"{finding.rule} {finding.severity} {finding.anchor_event_id} with {finding.counterpart}"
    return f"{patient_id}: {found} ({', '.join(finding.reason_codes)})"


def main(arguments: list[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pharmacies", type=int, default=10)
    parser.add_argument("--patients-each", type=int, default=PATIENTS_EACH)
    parser.add_argument("--planted", type=int, default=0, help="how often each planted case occurs")
    parser.add_argument("--on-the-way", action="store_true", help="assess after each fact too: four times slower")
    parser.add_argument("--list", action="store_true", help="every interruptive finding")
    asked = parser.parse_args(arguments)
    patients = simulate(asked.seed, asked.pharmacies, asked.patients_each, asked.planted)
    total = tally(patients, load_catalogue(), on_the_way=asked.on_the_way)
    sys.stdout.write(table(total) + "\n")
    if asked.list:
        sys.stdout.writelines(line(*found) + "\n" for found in (*total.interruptive, *total.passing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
