"""What the engines must have put out, computed from the file alone: slow, obvious, and independent of every engine."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import islice, product

from pharmacy.events.v1.event_pb2 import Event
from rx_clinical import Catalogue, History, assess, load_catalogue
from rx_contracts.wire.event_facts import history_facts
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import SiteRegistry, load_sites

from bench.workload import Record, Workload

WINDOW_DAYS = 14
_JOIN = 1  # version of the definition below: another one makes what was computed before void
_CHUNK = 2_000  # patients
OPIOID_FORMS = frozenset(
    {"oxycodone_ir", "oxycodone_er", "hydrocodone_ir", "tramadol_ir", "methadone_oral", "fentanyl_td", "bup_sl"}
)
ANTAGONIST_FORMS = frozenset(
    {"ntx_oral", "ntx_ldn", "ntx_uldn", "ntx_er_contrave", "ntx_depot", "samidorphan", "nalmefene"}
)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Output reduced to what can be compared: how many findings the last record of each patient holds, and which."""

    findings: int
    digest: str  # over the patients with findings and what they have, in the order of the pseudonyms
    records: int | None  # None where how many records lead there is not defined


def tally(current: Iterable[tuple[bytes, list[bytes]]], records: int | None) -> Tally:
    """Count the findings of patients, each given once; those of a patient may come in any order."""
    digest, count = blake2b(digest_size=16), 0
    for patient, findings in sorted(current):
        for finding in sorted(findings):
            digest.update(patient + finding)
            count += 1
    return Tally(findings=count, digest=digest.hexdigest(), records=records)


def minimal_join(records: Iterable[Record]) -> Tally:
    """Return what the minimal join must put out, by its definition in README.md."""
    patients: dict[bytes, dict[bytes, Event]] = defaultdict(dict)
    pairs: dict[bytes, list[bytes]] = {}
    outputs = 0
    for record in records:
        if record.event_class == b"irrelevant":
            continue
        event = Event.FromString(record.value)
        held = patients[event.patient]
        if event.event_key in held and _revision(event) <= _revision(held[event.event_key]):
            continue
        held[event.event_key] = event
        now = sorted(_pairs(held.values()))
        if now != pairs.get(event.patient, []):
            pairs[event.patient] = now
            outputs += 1
    return tally(pairs.items(), outputs)


def _revision(event: Event) -> tuple[int, int]:
    return (event.source_revision, event.coding_revision)


def _pairs(events: Iterable[Event]) -> Iterator[bytes]:
    fills = [(one, one.medication_filled.medicine.form_key) for one in events]
    antagonists = [event for event, form in fills if form in ANTAGONIST_FORMS]
    opioids = [event for event, form in fills if form in OPIOID_FORMS]
    for antagonist, opioid in product(antagonists, opioids):
        apart_s = antagonist.occurred.earliest_time.seconds - opioid.occurred.earliest_time.seconds
        if -WINDOW_DAYS * 86_400 <= apart_s <= WINDOW_DAYS * 86_400:
            yield antagonist.event_key + opioid.event_key


def full_rules(records: Iterable[Record]) -> Tally:
    """Return what the clinical core finds in each patient whose whole record is before it; the monitor is not involved.

    How many records the monitor publishes on its way there is not compared.
    """
    patients: dict[bytes, dict[bytes, bytes]] = defaultdict(dict)
    revisions: dict[bytes, tuple[int, int]] = {}
    for record in records:
        if record.event_class == b"irrelevant":
            continue
        event = Event.FromString(record.value)
        if _revision(event) > revisions.get(event.event_key, (-1, -1)):
            revisions[event.event_key] = _revision(event)
            patients[event.patient][event.event_key] = record.value
    with ProcessPoolExecutor() as pool:
        chunks = _chunks([(patient, list(facts.values())) for patient, facts in patients.items()])
        found = [one for chunk in pool.map(_assess_all, chunks) for one in chunk]
    return tally(found, None)


def _chunks(patients: list[tuple[bytes, list[bytes]]]) -> Iterator[list[tuple[bytes, list[bytes]]]]:
    for start in range(0, len(patients), _CHUNK):
        yield patients[start : start + _CHUNK]


def _assess_all(patients: list[tuple[bytes, list[bytes]]]) -> list[tuple[bytes, list[bytes]]]:
    catalogue, sites = load_catalogue(), load_sites(SHIPPED_SITES)
    return [(patient, _findings(facts, catalogue, sites)) for patient, facts in patients]


def _findings(encoded: list[bytes], catalogue: Catalogue, sites: SiteRegistry) -> list[bytes]:
    facts = history_facts(Event.FromString(one) for one in encoded)
    history = History(facts=facts, known_since=sites.known_since(fact.source for fact in facts))
    return [found.finding_id for found in assess(history, catalogue).findings]


class Reference:
    """Tallies of one workload, each computed once and kept beside the file."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._path = workload.path.with_suffix(".expected.json")

    def minimal_join(self, events: int) -> Tally:
        """Of the first `events` of the log."""
        return self._known(f"minimal/{_JOIN}/{events}", lambda: minimal_join(self._first(events)))

    def full_rules(self, events: int) -> Tally:
        """Of the first `events` of the log, with the rules and tables of this checkout."""
        name = f"full/{load_catalogue().ruleset_version}/{events}"
        return self._known(name, lambda: full_rules(self._first(events)))

    def decoded(self, events: int) -> Tally:
        """Of an engine that decides nothing: as many as there are events."""
        return Tally(findings=events, digest="", records=None)

    def _first(self, events: int) -> Iterator[Record]:
        return islice(self._workload.records(), events)

    def _known(self, name: str, compute: Callable[[], Tally]) -> Tally:
        known = json.loads(self._path.read_text()) if self._path.exists() else {}
        named = f"{self._workload.sha256}/{name}"
        if named not in known:
            known[named] = asdict(compute())
            self._path.write_text(json.dumps(known))
        return Tally(**known[named])
