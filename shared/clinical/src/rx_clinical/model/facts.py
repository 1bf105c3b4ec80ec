"""What the core reads: facts about one patient. A history is a set of them: order and duplication mean nothing."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def event_key(source: str, event_id: str) -> bytes:
    """16-byte identity of an event: BLAKE2b-128 over the length of the source, the source and the event id (UTF-8)."""
    named = source.encode()
    return blake2b(b"%d:%b%b" % (len(named), named, event_id.encode()), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An instant, or a local date as the interval [00:00, 24:00) in its zone. Both ends are aware and UTC.

    An instant may state the zone that its place lives in: people read dates in it, arithmetic never does.
    """

    earliest: datetime
    latest: datetime  # == earliest for an instant
    zone: str | None = None  # IANA zone; always there for a local date

    @staticmethod
    def instant(time: datetime, zone: str | None = None) -> "Moment":
        """The instant of an aware datetime, with the zone of its place where one is stated.

        Raises ValueError for a naive datetime: a clock time needs a zone.
        """
        if time.tzinfo is None:
            raise ValueError("a clock time without zone is not an instant")
        exact = time.astimezone(UTC)
        return Moment(earliest=exact, latest=exact, zone=zone)

    @staticmethod
    def local_date(day: date, zone: str) -> "Moment":
        """The whole local date; 23 or 25 hours where the clock changes.

        Raises ValueError for an unknown zone, and for a date whose day does not lie within the calendar in UTC.
        """
        try:
            begin, end = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
        except OverflowError as error:
            raise ValueError(f"{day} is outside the calendar") from error
        return Moment(earliest=begin, latest=end, zone=zone)

    @property
    def imprecise(self) -> bool:
        """Only the local date is known."""
        return self.earliest != self.latest


def start_of_day(day: date, zone: str) -> datetime:
    """The UTC instant at which a local date begins.

    Raises ValueError for an unknown zone, OverflowError at the ends of the calendar.
    """
    try:
        local = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"unknown time zone {zone!r}") from error
    return datetime(day.year, day.month, day.day, tzinfo=local).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Medicine:
    """A product or compound as the source states it."""

    text: str = ""  # what people see, never the identity
    coded: bool = True  # False: the product code is unknown and nothing may be cleared by it
    ingredients: tuple[str, ...] = ()  # RxNorm ingredient codes
    form_key: str | None = None  # row of drugs.csv; a given one wins
    product_code: str | None = None  # RxNorm SCD or SBD code
    # oral iv im sc rectal sublingual buccal transdermal = systemic;
    # topical ophthalmic otic vaginal inhaled nasal_local = local; None = unknown, counts as systemic
    route: str | None = None
    directions: str = ""
    daily_dose_mg: Decimal | None = None  # of the opioid or antagonist
    days_supply: Decimal | None = None  # days; None = missing
    as_needed: bool = False
    quantity: Decimal | None = None
    patches: int | None = None  # count of patches of a transdermal product
    # What a catalogue made of it the last time it was asked; no part of what the medicine is.
    memo: object = field(default=None, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What every fact carries. The highest revision of a key wins."""

    key: bytes  # 16 bytes, see event_key
    event_id: str
    source: str
    site: str
    revision: tuple[int, int]  # (source revision, coding revision)
    occurred: Moment
    recorded_at: datetime  # aware UTC, the source's own

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Every time that the fact states about what happened."""
        return (self.occurred,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescription(Fact):
    """An order. It stays a possible exposure until a fill is seen."""

    medicine: Medicine
    # active draft on-hold cancelled completed stopped ended entered-in-error unknown
    status: str = "active"
    status_at: Moment | None = None
    intent: str = "order"
    do_not_perform: bool = False

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Written, and the time of its status."""
        return (self.occurred, *((self.status_at,) if self.status_at else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(Fact):
    """Prepared by a pharmacy (bagged), not yet with the patient."""

    medicine: Medicine
    prescription: bytes | None = None  # key of its order
    rx_number: str | None = None
    fill_number: str | None = None
    partial: bool = False  # less than the prescribed quantity
    quantity_prescribed: Decimal | None = None
    days_supply_is_for_this_fill: bool = False  # of a partial fill: the source scaled the days itself


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver(Fact):
    """A fill is with the patient."""

    fill: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnToStock(Fact):
    """Removes the fill it names at every revision of it."""

    refers_to: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Void(Fact):
    """Entered in error: removes the fact it names at every revision of it."""

    refers_to: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration(Fact):
    """Injected or given."""

    medicine: Medicine
    fill: bytes | None = None  # key of the dispensed depot
    setting: str = "outpatient"
    removed: Moment | None = None  # of an implant

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Given, and removed."""
        return (self.occurred, *((self.removed,) if self.removed else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Fact):
    """Use that someone reports, without a supply."""

    medicine: Medicine
    kind: str  # otc supplement illicit history
    ongoing: bool = False
    started: Moment | None = None
    last_confirmed: Moment | None = None
    source_kind: str | None = None
    obtained_via: str | None = None
    restricted: bool = False  # other sites may read "opioid, restricted source" and no more
    misuse: bool = False

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Reported, begun and last confirmed."""
        return tuple(moment for moment in (self.occurred, self.started, self.last_confirmed) if moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Fact):
    """A report or an order ended."""

    refers_to: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Fact):
    """Evidence that a patient is free of opioids, or is not."""

    # urine_drug_test naloxone_challenge pdmp_review clinician_attestation stock_disposed
    kind: str
    result: str | None = None  # negative positive inconclusive; None where it does not apply
    ingredients: tuple[str, ...] = ()  # RxNorm ingredient codes that it covers
    recorded_by: str | None = None  # name of the clinician
    attested_last_dose: Moment | None = None
    stock_accounted_for: bool = False  # the rest of the supply was seen returned or destroyed

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Recorded, and the last dose as attested."""
        return (self.occurred, *((self.attested_last_dose,) if self.attested_last_dose else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedOpioid:
    """An opioid that a confirmation is bound to."""

    form_key: str
    daily_dose_mg: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation(Fact):
    """One half of the confirmation of a deliberate ultra-low dose beside an opioid."""

    by: str  # prescriber pharmacist
    daily_dose_mg: Decimal  # of naltrexone
    opioids: tuple[ConfirmedOpioid, ...]
    recorded_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFact(Fact):
    """A condition, symptom or personal fact."""

    kind: str  # birth_year pregnancy breastfeeding transplant liver symptom allergy
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure(Fact):
    """A planned procedure."""

    planned: Moment
    opioid_expected: bool = False

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Recorded, and planned."""
        return (self.occurred, self.planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge(Fact):
    """Two records are one patient's: the facts of `from_patient` belong to `into_patient`. See `merged`."""

    from_patient: bytes
    into_patient: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadFact(Fact):
    """A kind of fact that this version of the core does not read; the assessment names its kind."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that is known about one patient."""

    facts: Collection[Fact]
    known_since: datetime | None = None  # history is complete from then on; None = unknown


def merged(patients: Mapping[bytes, Iterable[Fact]]) -> dict[bytes, list[Fact]]:
    """The facts of each patient after every merge among them; a chain of merges ends at its last record.

    Without a merge two records are two patients. A void of a merge undoes it.
    """
    known = {patient: list(facts) for patient, facts in patients.items()}
    everything = [fact for facts in known.values() for fact in facts]
    latest: dict[bytes, Fact] = {}
    for fact in everything:
        held = latest.get(fact.key)
        if held is None or (fact.revision, repr(fact)) > (held.revision, repr(held)):
            latest[fact.key] = fact
    voided = removed({key: fact for key, fact in latest.items() if isinstance(fact, Void)})
    merges = [fact for fact in latest.values() if isinstance(fact, Merge) and fact.key not in voided]
    into: dict[bytes, bytes] = {}
    for merge in sorted(merges, key=lambda one: (one.occurred.earliest, one.key)):
        into.setdefault(merge.from_patient, merge.into_patient)
    joined: dict[bytes, list[Fact]] = {}
    for patient in sorted(known):
        joined.setdefault(_remaining(patient, into), []).extend(known[patient])
    return joined


def removed(removers: Mapping[bytes, "Void | ReturnToStock"]) -> set[bytes]:
    """The keys that voids and returns remove; one that is itself removed removes nothing.

    Each is decided when all that refer to it are. Voids of each other in a circle stay undecided: they refer to
    nothing else.
    """
    open_ = Counter(fact.refers_to for fact in removers.values())
    decided = [key for key in removers if key not in open_]
    gone: set[bytes] = set()
    while decided:
        key = decided.pop()
        target = removers[key].refers_to
        if key not in gone:
            gone.add(target)
        open_[target] -= 1
        if target in removers and not open_[target]:
            decided.append(target)
    return gone


def _remaining(patient: bytes, into: Mapping[bytes, bytes]) -> bytes:
    """The record that a patient's facts belong to; records merged in a circle meet in the least of them."""
    seen = [patient]
    while (following := into.get(seen[-1])) is not None:
        if following in seen:
            return min(seen[seen.index(following) :])
        seen.append(following)
    return seen[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompoundRequest(Fact):
    """Naltrexone to be compounded. `occurred`: the day of compounding and, for the supply, of dispensing."""

    preparation: str = ""  # capsule, troche, oral solution, anhydrous cream ...
    strength_mg: Decimal | None = None  # of one capsule or dose unit
    strength_mg_per_ml: Decimal | None = None
    quantity: Decimal | None = None  # capsules or dose units; mL where the strength is one per mL
    dose_mg: Decimal | None = None  # a day
    days_supply: Decimal | None = None  # days; None = missing
    api_source: str = ""  # bulk powder or tablets
    filler: str = ""  # what is added to the active, not what tablets bring
    vehicle: str = ""
    preserved: bool | None = None  # None = not stated
    storage: str = ""
    requested_bud: date | None = None  # the last usable day asked for

    @property
    def moments(self) -> tuple[Moment, ...]:
        """None: whole days count here, a date without clock time is exact."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleWeights:
    """The weight check of a batch: of how many capsules, in mg, and against which fill weight."""

    count: int
    target_mg: Decimal
    mean_mg: Decimal
    min_mg: Decimal
    max_mg: Decimal
    rsd_pct: Decimal  # relative standard deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class DispensedUnit:
    """What one patient received of a batch, under a reference that names no patient."""

    reference: str
    dispensed_on: date
    days_supply: Decimal | None = None  # days; None = missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord(Fact):
    """A compounded batch; the event id is the batch id, `occurred` the day of compounding."""

    bud: date  # the last usable day
    product: str = ""  # label text
    potency_result_pct: Decimal | None = None  # of the label strength; None = not yet known
    weights: CapsuleWeights | None = None
    recall_status: str = "none"  # none open closed; any other word counts as open
    dispensed: tuple[DispensedUnit, ...] = ()

    @property
    def moments(self) -> tuple[Moment, ...]:
        """None: whole days count here, a date without clock time is exact."""
        return ()
