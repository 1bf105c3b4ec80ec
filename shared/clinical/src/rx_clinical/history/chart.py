"""Folds facts into what is true now: highest revisions, nothing voided or returned, fills joined to orders."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import NO_ROLES, FactBits, Roles
from rx_clinical.model.facts import (
    Administration,
    BatchRecord,
    CompoundRequest,
    Confirmation,
    Evidence,
    Fact,
    Fill,
    HandOver,
    Medicine,
    Moment,
    PatientFact,
    Prescription,
    Procedure,
    Report,
    ReturnToStock,
    Stop,
    Void,
    removed,
)
from rx_clinical.model.washout import days_of, later

# An order in one of these states is no exposure; every other state stays possible.
_DEAD_STATUSES = frozenset({"draft", "on-hold", "cancelled", "entered-in-error"})
_NOT_ORDERED_INTENTS = frozenset({"proposal", "plan", "option"})
_ENDED_STATUSES = frozenset({"completed", "stopped", "ended"})

MedicineFact = Prescription | Fill | Administration | Report
OtherFact = Evidence | Confirmation | PatientFact | Procedure | CompoundRequest | BatchRecord


NO_MEDICINE = Medicine()


@dataclass(slots=True)
class Entry:
    """A fact with a role, and the later facts that belong to it."""

    fact: MedicineFact | OtherFact
    roles: Roles = NO_ROLES
    medicine: Medicine = NO_MEDICINE  # of the fact; one without any text where the fact is of another kind
    handed_over: HandOver | None = None  # of a fill
    stops: tuple[Stop, ...] = ()  # of a report or an order
    filled: bool = False  # of an order: a fill was seen, or the injection of its depot
    injected: bool = False  # of a dispensed depot: its injection was seen
    sightings: tuple[Fill, ...] = ()  # of a fill: what others said about the same supply

    @property
    def order(self) -> tuple[datetime, bytes]:
        """Ties of entries are ordered by occurred time and key."""
        return (self.begin.earliest, self.fact.key)

    @property
    def begin(self) -> Moment:
        """When it occurred, of a supply seen twice its first sighting."""
        if not self.sightings:
            return self.fact.occurred
        seen = (self.fact.occurred, *(fact.occurred for fact in self.sightings))
        return min(seen, key=lambda moment: (moment.earliest, moment.latest))

    @property
    def steps(self) -> tuple[Fact, ...]:
        """The fact, other sightings of it and its later steps."""
        if self.handed_over is None:
            return (self.fact, *self.sightings, *self.stops)
        return (self.fact, *self.sightings, self.handed_over, *self.stops)

    @property
    def seen(self) -> list["Entry"]:
        """The entry as each that saw the supply states it."""
        return [self, *(Entry(fact, self.roles, fact.medicine, self.handed_over) for fact in self.sightings)]

    @property
    def in_hand(self) -> Moment:
        """The later of fill and hand-over."""
        if self.handed_over is not None and self.handed_over.occurred.latest > self.fact.occurred.latest:
            return self.handed_over.occurred
        return self.fact.occurred

    @property
    def ended_at(self) -> datetime | None:
        """The recorded end of an order or report, the later one where several are recorded; None = none recorded."""
        ends = [stop.occurred.latest for stop in self.stops]
        fact = self.fact
        if isinstance(fact, Prescription) and fact.status in _ENDED_STATUSES and fact.status_at is not None:
            ends.append(fact.status_at.latest)
        return max(ends, default=None)


@dataclass(slots=True)
class Chart:
    """Entries by kind, each in tie order; only medicines with a role."""

    orders: list[Entry] = field(default_factory=list)  # that stand: neither drafts nor cancelled nor proposals
    fills: list[Entry] = field(default_factory=list)
    administrations: list[Entry] = field(default_factory=list)
    reports: list[Entry] = field(default_factory=list)
    uncoded: list[Entry] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)
    patient_facts: list[PatientFact] = field(default_factory=list)
    procedures: list[Procedure] = field(default_factory=list)
    compounding: list[CompoundRequest | BatchRecord] = field(
        default_factory=list
    )  # of preparations, not of the patient
    kinds: int = 0  # FactBits, over all of it

    @property
    def newest_recorded_at(self) -> datetime | None:
        """The newest recorded time of a fact that plays a role.

        A statin ordered years later is no fact of the function: whoever keeps it and whoever does not must agree.
        """
        newest: datetime | None = None
        for fact in self.facts():
            if newest is None or fact.recorded_at > newest:
                newest = fact.recorded_at
        return newest

    def entries(self) -> list[Entry]:
        """All medicines with a role."""
        return [*self.orders, *self.fills, *self.administrations, *self.reports]

    def facts(self) -> list[Fact]:
        """Every fact that plays a role, the steps of a medicine included."""
        facts: list[Fact] = [*self.evidence, *self.confirmations, *self.patient_facts, *self.procedures]
        for entry in self.entries():
            facts += entry.steps
        return facts


def read_chart(facts: Iterable[Fact], catalogue: Catalogue, kinds: int) -> Chart:
    """The chart of a set of facts; the same for every order and duplication. `kinds`: see applicability.fact_bits."""
    chart = Chart(kinds=kinds)
    hand_overs: dict[bytes, HandOver] = {}
    stops: dict[bytes, list[Stop]] = {}
    for fact in _standing(facts, kinds):
        if isinstance(fact, MedicineFact):
            _enter(chart, fact, catalogue)
        elif isinstance(fact, HandOver):
            held = hand_overs.get(fact.fill)
            if held is None or (held.occurred.latest, held.key) < (fact.occurred.latest, fact.key):
                hand_overs[fact.fill] = fact
        elif isinstance(fact, Stop):
            stops.setdefault(fact.refers_to, []).append(fact)
        elif isinstance(fact, OtherFact):
            _note(chart, fact)
    _join(chart, hand_overs, stops, catalogue.policy)
    return chart


def _note(chart: Chart, fact: OtherFact) -> None:
    match fact:
        case Evidence():
            chart.evidence.append(fact)
        case Confirmation():
            chart.confirmations.append(fact)
        case PatientFact():
            chart.patient_facts.append(fact)
        case Procedure():
            chart.procedures.append(fact)
        case _:
            chart.compounding.append(fact)


def _standing(facts: Iterable[Fact], kinds: int) -> list[Fact]:
    """Highest revisions without what was voided or returned, in tie order."""
    latest: dict[bytes, Fact] = {}
    for fact in facts:
        held = latest.get(fact.key)
        if held is None or (fact is not held and _outranks(fact, held)):
            latest[fact.key] = fact
    kept = _without_removed(latest) if kinds & FactBits.REMOVING else list(latest.values())
    kept.sort(key=lambda fact: (fact.occurred.earliest, fact.key))
    return kept


def _without_removed(latest: dict[bytes, Fact]) -> list[Fact]:
    gone = removed({key: fact for key, fact in latest.items() if isinstance(fact, (Void, ReturnToStock))})
    return [fact for key, fact in latest.items() if key not in gone]


def _outranks(fact: Fact, held: Fact) -> bool:
    """A higher revision; the text decides between different facts that claim one revision, so that order does not."""
    mine, theirs = (fact.revision, fact.recorded_at), (held.revision, held.recorded_at)
    return mine > theirs or (mine == theirs and fact != held and repr(fact) > repr(held))


def _enter(chart: Chart, fact: MedicineFact, catalogue: Catalogue) -> None:
    if isinstance(fact, Prescription) and not _is_order(fact):
        return
    medicine = fact.medicine
    if isinstance(fact, Report):
        medicine = read_as(fact, catalogue)
        roles, kinds = catalogue.read(medicine, misuse=fact.misuse)
    else:
        roles, kinds = catalogue.read(medicine)
    if kinds & FactBits.DEFICIENT and (not medicine.coded or catalogue.names_what_codes_lack(medicine)):
        chart.uncoded.append(Entry(fact, roles, fact.medicine))
    if not roles.kinds:
        return
    kind = type(fact)
    entries = (
        chart.fills
        if kind is Fill
        else chart.orders
        if kind is Prescription
        else (chart.administrations if kind is Administration else chart.reports)
    )
    entries.append(Entry(fact, roles, fact.medicine))


def read_as(fact: Report, catalogue: Catalogue) -> Medicine:
    """The medicine stated; illicit use that names neither ingredient nor form is use of an illicit opioid."""
    stated = fact.medicine
    named = stated.ingredients or stated.form_key or catalogue.product(stated.product_code)
    if named or fact.kind != "illicit":
        return stated
    return Medicine(text=stated.text, form_key=catalogue.unnamed_illicit)


def _is_order(fact: Prescription) -> bool:
    return fact.status not in _DEAD_STATUSES and fact.intent not in _NOT_ORDERED_INTENTS and not fact.do_not_perform


def _join(chart: Chart, hand_overs: dict[bytes, HandOver], stops: dict[bytes, list[Stop]], policy: Policy) -> None:
    if hand_overs:
        for entry in (*chart.fills, *chart.uncoded):
            entry.handed_over = hand_overs.get(entry.fact.key)
    if stops:
        for entry in (*chart.orders, *chart.reports):
            entry.stops = tuple(stops.get(entry.fact.key, ()))
    if chart.orders:
        orders = {entry.fact.key: entry for entry in chart.orders}
        for fill in chart.fills:
            _mark_filled(fill, orders, chart.orders, policy)
    if len(chart.fills) > 1:
        chart.fills = _seen_once(chart.fills, policy)
    if chart.administrations:
        _join_injections(chart, policy)


def _mark_filled(fill: Entry, by_key: dict[bytes, Entry], orders: list[Entry], policy: Policy) -> None:
    """A fill belongs to the prescription it names, else to the newest order of the same ingredient and form."""
    named = fill.fact.prescription if isinstance(fill.fact, Fill) else None
    order = by_key.get(named) if named else _newest_order(fill, orders, policy)
    if order is not None:
        order.filled = True


def _newest_order(fill: Entry, orders: list[Entry], policy: Policy) -> Entry | None:
    filled = fill.fact.occurred
    for order in reversed(orders):
        written = order.fact.occurred
        if (
            order.roles.supply_key == fill.roles.supply_key
            and written.earliest <= filled.latest
            and filled.earliest <= later(written.latest, policy.order_match)
        ):
            return order
    return None


def _join_injections(chart: Chart, policy: Policy) -> None:
    """An injection replaces the depot dispensed for it, and the order of a depot that no pharmacy dispensed."""
    depots = [entry for entry in chart.fills if is_depot(entry.roles)]
    for given in chart.administrations:
        if not is_depot(given.roles):
            continue
        dispensed = _dispensed_for(given, depots, policy)
        if dispensed is not None:
            dispensed.injected = True
        else:
            _mark_filled(given, {}, chart.orders, policy)


def _dispensed_for(given: Entry, depots: list[Entry], policy: Policy) -> Entry | None:
    """The depot of the same form that the injection names, else the newest one that is not injected yet."""
    named = given.fact.fill if isinstance(given.fact, Administration) else None
    depots = [depot for depot in depots if depot.roles.supply_key == given.roles.supply_key]
    for depot in reversed(depots):
        if named in (depot.fact.key, *(fact.key for fact in depot.sightings)):
            return depot
    for depot in reversed(depots):
        filled, injected = depot.begin, given.fact.occurred
        if (
            not depot.injected
            and filled.earliest <= injected.latest
            and injected.earliest <= later(filled.latest, policy.depot_injection)
        ):
            return depot
    return None


def is_depot(roles: Roles) -> bool:
    """An opioid or antagonist that a clinician injects or implants."""
    if roles.antagonist is not None:
        return roles.antagonist.depot
    return any(opioid.form.acting == "depot" for opioid in roles.opioids)


def _seen_once(fills: list[Entry], policy: Policy) -> list[Entry]:
    """One entry a supply, however many sources saw it."""
    if not _maybe_seen_twice([entry.fact for entry in fills if isinstance(entry.fact, Fill)]):
        return fills
    supplies: list[list[Entry]] = []
    for entry in fills:
        same = (supply for supply in supplies if all(_one_supply(entry, other, policy) for other in supply))
        if (supply := next(same, None)) is not None:
            supply.append(entry)
        else:
            supplies.append([entry])
    return sorted((_merged(supply, policy) for supply in supplies), key=lambda entry: entry.order)


def _merged(seen: list[Entry], policy: Policy) -> Entry:
    """The longest sighting; it begins with the first one, and the newest hand-over of any is that of the supply."""
    handed_over = [entry.handed_over for entry in seen if entry.handed_over is not None]
    newest = max(handed_over, key=lambda step: (step.occurred.latest, step.key), default=None)
    for entry in seen:
        entry.handed_over = newest
    longest = max(seen, key=lambda entry: _length(entry, policy))
    longest.sightings = tuple(entry.fact for entry in seen if entry is not longest and isinstance(entry.fact, Fill))
    return longest


def _maybe_seen_twice(fills: list[Fill]) -> bool:
    """Several sources, or an Rx number that comes back: else no two fills are one supply."""
    numbers: set[tuple[str, str]] = set()
    source = fills[0].source if fills else ""
    for fill in fills:
        if fill.source != source:
            return True
        if fill.rx_number and fill.fill_number:
            number = (fill.rx_number, fill.fill_number)
            if number in numbers:
                return True
            numbers.add(number)
    return False


def _one_supply(one: Entry, other: Entry, policy: Policy) -> bool:
    mine, theirs = one.fact, other.fact
    if not isinstance(mine, Fill) or not isinstance(theirs, Fill) or one.roles.supply_key != other.roles.supply_key:
        return False
    numbers = (mine.rx_number, mine.fill_number)
    if all(numbers) and numbers == (theirs.rx_number, theirs.fill_number) and _sites_agree(mine, theirs):
        return True
    close = abs(mine.occurred.earliest - theirs.occurred.earliest) <= policy.same_supply
    alike = mine.medicine.quantity is not None and mine.medicine.quantity == theirs.medicine.quantity
    return close and alike and bool(mine.site) and mine.site == theirs.site and mine.source != theirs.source


def _sites_agree(one: Fill, other: Fill) -> bool:
    """Rx numbers repeat between pharmacies: at two stated sites they are two supplies."""
    return one.site == other.site or not (one.site and other.site)


def _length(entry: Entry, policy: Policy) -> tuple[datetime, bytes]:
    """The end of the supply, assumed where days supply is missing; the key decides between equals."""
    days = entry.medicine.days_supply
    supplied = policy.assumed_supply if days is None else days_of(days)
    return (later(entry.in_hand.latest, supplied), entry.fact.key)
