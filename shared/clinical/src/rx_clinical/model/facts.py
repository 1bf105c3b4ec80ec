"""Facts about one patient, the input of the core. A history is a set of facts: order and duplication mean nothing."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rx_clinical.model.codes import FormKey, OrderStatus, Route, RxNormCode


def event_key(source: str, event_id: str) -> bytes:
    """Return the 16-byte key of an event: BLAKE2b-128 of the source's length, the source and the event id, in UTF-8."""
    named = source.encode()
    return blake2b(b"%d:%b%b" % (len(named), named, event_id.encode()), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An instant, or a local date as the interval [00:00, 24:00) in its zone. Both ends are aware and in UTC.

    An instant may state the zone of its place: only texts for people use it, arithmetic never does.
    """

    earliest: datetime
    latest: datetime  # == earliest for an instant
    zone: str | None = None  # IANA zone; never None for a local date

    @staticmethod
    def instant(time: datetime, zone: str | None = None) -> "Moment":
        """Return the instant of an aware datetime, with the IANA zone of its place if known.

        Raises ValueError for a naive datetime: a clock time needs a zone.
        """
        if time.tzinfo is None:
            raise ValueError("a clock time without zone is not an instant")
        exact = time.astimezone(UTC)
        return Moment(earliest=exact, latest=exact, zone=zone)

    @staticmethod
    def local_date(day: date, zone: str) -> "Moment":
        """Return the whole local date: 24 hours, or 23 or 25 on the day of a clock change.

        Raises ValueError for an unknown zone, and for a day that lies partly outside the calendar in UTC.
        """
        try:
            begin, end = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
        except OverflowError as error:
            raise ValueError(f"{day} is outside the calendar") from error
        return Moment(earliest=begin, latest=end, zone=zone)

    @property
    def imprecise(self) -> bool:
        """Return True if only the local date is known."""
        return self.earliest != self.latest


def start_of_day(day: date, zone: str) -> datetime:
    """Return the UTC instant at which a local date begins.

    Raises ValueError for an unknown zone, OverflowError at the ends of the calendar.
    """
    try:
        local = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"unknown time zone {zone!r}") from error
    return datetime(day.year, day.month, day.day, tzinfo=local).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Medicine:
    """A product or compound as its source states it."""

    text: str = ""  # for people; never identifies the product
    coded: bool = True  # False: the product code is unknown, and no rule may infer safety from it
    ingredients: tuple[RxNormCode, ...] = ()
    form_key: FormKey | None = None  # overrides the form of the product code
    product_code: RxNormCode | None = None  # RxNorm SCD or SBD
    route: Route | None = None  # None = unknown, counts as systemic
    directions: str = ""
    daily_dose_mg: Decimal | None = None  # mg a day of the opioid or antagonist; None = missing
    days_supply: Decimal | None = None  # days; None = missing
    as_needed: bool = False
    quantity: Decimal | None = None  # tablets, capsules or mL
    patches: int | None = None  # of a transdermal product


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Fields of every fact. Of the facts with one key, the highest revision counts."""

    key: bytes  # 16 bytes, see event_key
    event_id: str
    source: str
    site: str
    revision: tuple[int, int]  # (source revision, coding revision)
    occurred: Moment
    recorded_at: datetime  # aware UTC, by the clock of the source

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Return every time that the fact states about what happened."""
        return (self.occurred,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescription(Fact):
    """An order. It is a possible exposure until a fill of it is on record."""

    medicine: Medicine
    status: OrderStatus = OrderStatus.ACTIVE
    status_at: Moment | None = None
    intent: str = "order"
    do_not_perform: bool = False

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Return the time of writing, and the time of the status if stated."""
        return (self.occurred, *((self.status_at,) if self.status_at else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(Fact):
    """A dispensed supply, prepared by a pharmacy and not yet handed over."""

    medicine: Medicine
    prescription: bytes | None = None  # key of the order
    rx_number: str | None = None
    fill_number: str | None = None
    partial: bool = False  # less than the prescribed quantity
    quantity_prescribed: Decimal | None = None
    days_supply_is_for_this_fill: bool = False  # of a partial fill: the source has scaled days_supply


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver(Fact):
    """The hand-over of a fill to the patient."""

    fill: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnToStock(Fact):
    """The return of a fill to stock. Removes all revisions of the fill."""

    refers_to: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Void(Fact):
    """A fact was entered in error. Removes all its revisions."""

    refers_to: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration(Fact):
    """A dose that a clinician gave or injected."""

    medicine: Medicine
    fill: bytes | None = None  # key of the dispensed depot
    setting: str = "outpatient"
    removed: Moment | None = None  # of an implant or patch

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Return the time given, and the time removed if stated."""
        return (self.occurred, *((self.removed,) if self.removed else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Fact):
    """Reported use, without a supply on record."""

    medicine: Medicine
    kind: str  # otc supplement illicit history
    ongoing: bool = False
    started: Moment | None = None
    last_confirmed: Moment | None = None
    source_kind: str | None = None
    obtained_via: str | None = None
    restricted: bool = False  # other sites read "opioid, restricted source" and nothing else
    misuse: bool = False

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Return the times of the report, of the start and of the last confirmation, as far as stated."""
        return tuple(moment for moment in (self.occurred, self.started, self.last_confirmed) if moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Fact):
    """The end of reported use or of an order."""

    refers_to: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Fact):
    """Evidence for or against recent opioid use."""

    # urine_drug_test naloxone_challenge pdmp_review clinician_attestation stock_disposed
    kind: str
    result: str | None = None  # negative positive inconclusive; None where it does not apply
    ingredients: tuple[RxNormCode, ...] = ()  # that it covers
    recorded_by: str | None = None  # name of the clinician
    attested_last_dose: Moment | None = None
    stock_accounted_for: bool = False  # the clinician saw the rest of the supply returned or destroyed

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Return the time recorded, and the attested last dose if stated."""
        return (self.occurred, *((self.attested_last_dose,) if self.attested_last_dose else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedOpioid:
    """An opioid and its dose that a confirmation is valid for."""

    form_key: FormKey
    daily_dose_mg: Decimal | None = None  # mg a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation(Fact):
    """The confirmation, by one of two professionals, of a deliberate ultra-low dose of naltrexone beside an opioid."""

    by: str  # prescriber pharmacist
    daily_dose_mg: Decimal  # mg of naltrexone a day
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
        """Return the time recorded and the planned time."""
        return (self.occurred, self.planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge(Fact):
    """A merge of two records of one patient: facts of `from_patient` belong to `into_patient`. See `corrections`."""

    from_patient: bytes
    into_patient: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadFact(Fact):
    """A fact of a kind that this version does not read. The assessment lists its kind."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All facts about one patient."""

    facts: Collection[Fact]
    known_since: datetime | None = None  # the history is complete from then on; None = unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class CompoundRequest(Fact):
    """A request to compound naltrexone. `occurred` is the day of compounding, and for the supply of dispensing."""

    preparation: str = ""  # free text: capsule, troche, oral solution, anhydrous cream
    strength_mg: Decimal | None = None  # mg in one capsule or dose unit
    strength_mg_per_ml: Decimal | None = None
    quantity: Decimal | None = None  # capsules or dose units; mL if the strength is in mg/mL
    dose_mg: Decimal | None = None  # mg a day
    days_supply: Decimal | None = None  # days; None = missing
    api_source: str = ""  # bulk powder or tablets
    filler: str = ""  # added to the active ingredient; excipients of tablets are not listed
    vehicle: str = ""
    preserved: bool | None = None  # None = not stated
    storage: str = ""
    requested_bud: date | None = None  # requested beyond-use date: the last usable day

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Return nothing: compounding counts whole days, so a date without clock time is exact."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleWeights:
    """The weight check of a batch: number of capsules weighed, target fill weight and results in mg."""

    count: int
    target_mg: Decimal
    mean_mg: Decimal
    min_mg: Decimal
    max_mg: Decimal
    rsd_pct: Decimal  # relative standard deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class DispensedUnit:
    """The part of a batch that one patient received, under a reference that names no patient."""

    reference: str
    dispensed_on: date
    days_supply: Decimal | None = None  # days; None = missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord(Fact):
    """A compounded batch. The event id is the batch id, `occurred` is the day of compounding."""

    bud: date  # beyond-use date: the last usable day
    product: str = ""  # label text
    potency_result_pct: Decimal | None = None  # per cent of the label strength; None = not yet known
    weights: CapsuleWeights | None = None
    recall_status: str = "none"  # none, open or closed; any other word counts as open
    dispensed: tuple[DispensedUnit, ...] = ()

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Return nothing: compounding counts whole days, so a date without clock time is exact."""
        return ()
