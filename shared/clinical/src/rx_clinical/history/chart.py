"""The chart: facts in force, in their highest revisions, without voids and returns, and linked to each other."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import NO_ROLES, FactBits, Roles
from rx_clinical.model.codes import OrderStatus
from rx_clinical.model.corrections import removed_keys
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
)
from rx_clinical.model.washout import days_of, later

# An order in one of these states is no exposure; in any other state it is a possible one.
_INACTIVE_STATUSES = frozenset({
    OrderStatus.DRAFT, OrderStatus.ON_HOLD, OrderStatus.CANCELLED, OrderStatus.ENTERED_IN_ERROR,
})  # fmt: skip
_NOT_ORDERED_INTENTS = frozenset({"proposal", "plan", "option"})
_ENDED_STATUSES = frozenset({OrderStatus.COMPLETED, OrderStatus.STOPPED, OrderStatus.ENDED})

MedicineFact = Prescription | Fill | Administration | Report
OtherFact = Evidence | Confirmation | PatientFact | Procedure | CompoundRequest | BatchRecord


NO_MEDICINE = Medicine()


@dataclass(slots=True)
class Entry:
    """A fact with its roles, and the later facts that refer to it."""

    fact: MedicineFact | OtherFact
    roles: Roles = NO_ROLES
    medicine: Medicine = NO_MEDICINE  # of the fact; an empty one for other kinds of facts
    handed_over: HandOver | None = None  # of a fill
    stops: tuple[Stop, ...] = ()  # of a report or an order
    filled: bool = False  # of an order: a fill, or the injection of its depot, is on record
    injected: bool = False  # of a dispensed depot: its injection is on record
    sightings: tuple[Fill, ...] = ()  # of a fill: the records of other sources about the same supply

    @property
    def order(self) -> tuple[datetime, bytes]:
        """Return the sort key of entries: begin and event key."""
        return (self.begin.earliest, self.fact.key)

    @property
    def begin(self) -> Moment:
        """Return when the fact occurred; of a supply with several sightings, the first."""
        if not self.sightings:
            return self.fact.occurred
        seen = (self.fact.occurred, *(fact.occurred for fact in self.sightings))
        return min(seen, key=lambda moment: (moment.earliest, moment.latest))

    @property
    def steps(self) -> tuple[Fact, ...]:
        """Return the fact, its other sightings and its later steps."""
        if self.handed_over is None:
            return (self.fact, *self.sightings, *self.stops)
        return (self.fact, *self.sightings, self.handed_over, *self.stops)

    @property
    def seen(self) -> list["Entry"]:
        """Return the entry as each sighting of the supply states it."""
        return [self, *(Entry(fact, self.roles, fact.medicine, self.handed_over) for fact in self.sightings)]

    @property
    def in_hand(self) -> Moment:
        """Return the later of fill and hand-over."""
        if self.handed_over is not None and self.handed_over.occurred.latest > self.fact.occurred.latest:
            return self.handed_over.occurred
        return self.fact.occurred

    @property
    def ended_at(self) -> datetime | None:
        """Return the latest recorded end of an order or report; None if none is recorded."""
        ends = [stop.occurred.latest for stop in self.stops]
        fact = self.fact
        if isinstance(fact, Prescription) and fact.status in _ENDED_STATUSES and fact.status_at is not None:
            ends.append(fact.status_at.latest)
        return max(ends, default=None)


@dataclass(slots=True)
class Chart:
    """The entries of one history by kind, sorted by time and key; only medicines with a role."""

    orders: list[Entry] = field(default_factory=list)  # without drafts, cancelled orders and proposals
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
    )  # facts about preparations, not about the patient
    kinds: int = 0  # FactBits, over all of it

    @property
    def newest_recorded_at(self) -> datetime | None:
        """Return the newest recorded time of a fact with a role.

        Facts without a role do not count: the result must be equal for a store that keeps them and one that does not.
        """
        newest: datetime | None = None
        for fact in self.facts():
            if newest is None or fact.recorded_at > newest:
                newest = fact.recorded_at
        return newest

    def entries(self) -> list[Entry]:
        """Return all medicines with a role."""
        return [*self.orders, *self.fills, *self.administrations, *self.reports]

    def facts(self) -> list[Fact]:
        """Return every fact with a role, the steps of a medicine included."""
        facts: list[Fact] = [*self.evidence, *self.confirmations, *self.patient_facts, *self.procedures]
        for entry in self.entries():
            facts += entry.steps
        return facts


def read_chart(facts: Iterable[Fact], catalogue: Catalogue, kinds: int) -> Chart:
    """Return the chart of a set of facts, equal for every order and duplication. `kinds`: see `applicability`."""
    chart = Chart(kinds=kinds)
    hand_overs: dict[bytes, HandOver] = {}
    stops: dict[bytes, list[Stop]] = {}
    for fact in _in_force(facts, kinds):
        if isinstance(fact, MedicineFact):
            _add_medicine(chart, fact, catalogue)
        elif isinstance(fact, HandOver):
            held = hand_overs.get(fact.fill)
            if held is None or (held.occurred.latest, held.key) < (fact.occurred.latest, fact.key):
                hand_overs[fact.fill] = fact
        elif isinstance(fact, Stop):
            stops.setdefault(fact.refers_to, []).append(fact)
        elif isinstance(fact, OtherFact):
            _add_other(chart, fact)
    _link(chart, hand_overs, stops, catalogue.policy)
    return chart


def _add_other(chart: Chart, fact: OtherFact) -> None:
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


def _in_force(facts: Iterable[Fact], kinds: int) -> list[Fact]:
    """Return the highest revisions without voided and returned facts, sorted by time and key."""
    latest: dict[bytes, Fact] = {}
    for fact in facts:
        held = latest.get(fact.key)
        if held is None or (fact is not held and _outranks(fact, held)):
            latest[fact.key] = fact
    kept = _without_removed(latest) if kinds & FactBits.REMOVING else list(latest.values())
    kept.sort(key=lambda fact: (fact.occurred.earliest, fact.key))
    return kept


def _without_removed(latest: dict[bytes, Fact]) -> list[Fact]:
    gone = removed_keys({key: fact for key, fact in latest.items() if isinstance(fact, (Void, ReturnToStock))})
    return [fact for key, fact in latest.items() if key not in gone]


def _outranks(fact: Fact, held: Fact) -> bool:
    """Return True for a higher revision. Of different facts with one revision the greater `repr` wins, in any order."""
    mine, theirs = (fact.revision, fact.recorded_at), (held.revision, held.recorded_at)
    return mine > theirs or (mine == theirs and fact != held and repr(fact) > repr(held))


def _add_medicine(chart: Chart, fact: MedicineFact, catalogue: Catalogue) -> None:
    if isinstance(fact, Prescription) and not _is_order(fact):
        return
    medicine = fact.medicine
    if isinstance(fact, Report):
        medicine = reported_medicine(fact, catalogue)
        roles, kinds, _ = (catalogue.classify_misused if fact.misuse else catalogue.classify)(medicine)
    else:
        roles, kinds, _ = catalogue.classify(medicine)
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


def reported_medicine(fact: Report, catalogue: Catalogue) -> Medicine:
    """Return the reported medicine; for illicit use without ingredient and form, an unnamed illicit opioid."""
    stated = fact.medicine
    named = stated.ingredients or stated.form_key or catalogue.product(stated.product_code)
    if named or fact.kind != "illicit":
        return stated
    return Medicine(text=stated.text, form_key=catalogue.unnamed_illicit)


def _is_order(fact: Prescription) -> bool:
    return fact.status not in _INACTIVE_STATUSES and fact.intent not in _NOT_ORDERED_INTENTS and not fact.do_not_perform


def _link(chart: Chart, hand_overs: dict[bytes, HandOver], stops: dict[bytes, list[Stop]], policy: Policy) -> None:
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
        chart.fills = _merge_sightings(chart.fills, policy)
    if chart.administrations:
        _link_injections(chart, policy)


def _mark_filled(fill: Entry, by_key: dict[bytes, Entry], orders: list[Entry], policy: Policy) -> None:
    """Mark the order of a fill: the one it names, else the newest of the same ingredient and form, as filled."""
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


def _link_injections(chart: Chart, policy: Policy) -> None:
    """Mark what each injection replaces: the depot dispensed for it, else the order of the depot."""
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
    """Return the dispensed depot of the same form that an injection names, else the newest not yet injected."""
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
    """Return True for an opioid or antagonist that a clinician injects or implants."""
    if roles.antagonist is not None:
        return roles.antagonist.depot
    return any(opioid.form.acting == "depot" for opioid in roles.opioids)


def _merge_sightings(fills: list[Entry], policy: Policy) -> list[Entry]:
    """Return one entry for each supply, however many sources recorded it."""
    if not _may_have_sightings([entry.fact for entry in fills if isinstance(entry.fact, Fill)]):
        return fills
    supplies: list[list[Entry]] = []
    for entry in fills:
        same = (supply for supply in supplies if all(_same_supply(entry, other, policy) for other in supply))
        if (supply := next(same, None)) is not None:
            supply.append(entry)
        else:
            supplies.append([entry])
    return sorted((_merged_sighting(supply, policy) for supply in supplies), key=lambda entry: entry.order)


def _merged_sighting(seen: list[Entry], policy: Policy) -> Entry:
    """Return the longest lasting sighting, with the others attached and the newest hand-over of all."""
    handed_over = [entry.handed_over for entry in seen if entry.handed_over is not None]
    newest = max(handed_over, key=lambda step: (step.occurred.latest, step.key), default=None)
    for entry in seen:
        entry.handed_over = newest
    longest = max(seen, key=lambda entry: _length(entry, policy))
    longest.sightings = tuple(entry.fact for entry in seen if entry is not longest and isinstance(entry.fact, Fill))
    return longest


def _may_have_sightings(fills: list[Fill]) -> bool:
    """Return True if two fills may be one supply: several sources, or a repeated Rx number."""
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


def _same_supply(entry: Entry, other: Entry, policy: Policy) -> bool:
    mine, theirs = entry.fact, other.fact
    if not isinstance(mine, Fill) or not isinstance(theirs, Fill) or entry.roles.supply_key != other.roles.supply_key:
        return False
    numbers = (mine.rx_number, mine.fill_number)
    if all(numbers) and numbers == (theirs.rx_number, theirs.fill_number) and _sites_agree(mine, theirs):
        return True
    close = abs(mine.occurred.earliest - theirs.occurred.earliest) <= policy.same_supply
    alike = mine.medicine.quantity is not None and mine.medicine.quantity == theirs.medicine.quantity
    return close and alike and bool(mine.site) and mine.site == theirs.site and mine.source != theirs.source


def _sites_agree(fill: Fill, other: Fill) -> bool:
    """Return False for two different stated sites, since pharmacies use the same Rx numbers."""
    return fill.site == other.site or not (fill.site and other.site)


def _length(entry: Entry, policy: Policy) -> tuple[datetime, bytes]:
    """Return the end of a supply, assumed if its days supply is missing, and the key to break ties."""
    days = entry.medicine.days_supply
    supplied = policy.assumed_supply if days is None else days_of(days)
    return (later(entry.in_hand.latest, supplied), entry.fact.key)
