"""Everything the rules look at, derived once from the chart of one patient."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.drugs import Acting
from rx_clinical.catalogue.patient import Patient
from rx_clinical.catalogue.roles import Kind, Opioid
from rx_clinical.history.antagonist_exposure import AntagonistHistory, Start, antagonist_histories, starts
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.co_medication import MedicineHistory, gut_opioids, partners, peripherals
from rx_clinical.history.evidence import Attestations
from rx_clinical.history.exposure_period import Span
from rx_clinical.history.half_life_modifiers import Prolonger, interacting_histories, multiplier, prolongers_of
from rx_clinical.history.opioid_exposure import OpioidHistory, opioid_histories
from rx_clinical.model.facts import Evidence, Fill, Moment
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, Window, later

_NON_PRESCRIPTION = frozenset({Reason.NON_PRESCRIPTION_OPIOID})


@dataclass(slots=True, eq=False)
class OpioidCourse:
    """An opioid's exposures and what lengthens its half-life."""

    history: OpioidHistory
    prolongers: tuple[Prolonger, ...]
    # By the key of a fill or dose: what had been supplied before it and, by what lengthens it, lasts longer.
    outlasting: Mapping[bytes, Span] = field(default_factory=dict)

    def seen_at(self, moment: Moment) -> list[Span]:
        """The exposures that had begun at a moment, so that a later fill never makes an earliest start earlier."""
        seen = self.history.seen_at(moment)
        if not self.outlasting:
            return seen
        keys = (span.entries[-1].fact.key for span in seen)
        return [*seen, *(self.outlasting[key] for key in keys if key in self.outlasting)]

    @property
    def opioid(self) -> Opioid:
        """The ingredient and form."""
        return self.history.opioid

    def reasons_of(self, span: Span) -> frozenset[Reason]:
        """What is to be said of one of its exposures: of what no prescription is for, that too."""
        return span.reasons | _NON_PRESCRIPTION if self.opioid.non_prescription else span.reasons


@dataclass(slots=True, eq=False)
class Picture:
    """The patient as the rules see them."""

    catalogue: Catalogue
    chart: Chart
    known_since: datetime | None
    patient: Patient
    opioids: tuple[OpioidCourse, ...] = ()
    antagonists: tuple[AntagonistHistory, ...] = ()
    interacting: tuple[MedicineHistory, ...] = ()
    gut_opioids: tuple[MedicineHistory, ...] = ()
    peripherals: tuple[MedicineHistory, ...] = ()
    partners: tuple[MedicineHistory, ...] = ()
    attestations: Attestations | None = None  # None: no evidence is on record
    starts: tuple[Start, ...] = ()  # every antagonist event with the dose that counts
    memo: dict[str, object] = field(default_factory=dict)  # what several rules derive from it

    def seen_at(self, course: OpioidCourse, moment: Moment) -> list[Span]:
        """The exposures to an opioid that had begun at a moment, ended where a last dose is attested."""
        seen = course.seen_at(moment)
        return seen if self.attestations is None else self.attestations.apply(course.opioid, seen, moment)

    def firmly_seen_at(self, course: OpioidCourse, moment: Moment) -> list[Span]:
        """The same without attestations that leave tablets unaccounted for: those serve WR-03 alone."""
        return [span.recorded or span for span in self.seen_at(course, moment)]

    def entries(self) -> list[Entry]:
        """Every entry of every history, each once, in tie order."""
        spans = [
            *(span for course in self.opioids for span in course.history.every_span()),
            *(span for antagonist in self.antagonists for span in antagonist.every_span()),
            *(span for taken in self.interacting for span in taken.spans()),
            *(span for taken in self.partners for span in taken.spans()),
        ]
        unique = {entry.fact.key: entry for span in spans for entry in span.entries}
        return sorted(unique.values(), key=lambda entry: entry.order)


def draw(chart: Chart, catalogue: Catalogue, known_since: datetime | None) -> Picture:
    """The picture of a chart, without what was over before the horizon."""
    patient = Patient(tuple(chart.patient_facts), catalogue.patient_terms) if chart.patient_facts else catalogue.nobody
    newest = chart.newest_recorded_at
    if newest is None:
        return Picture(catalogue, chart, known_since, patient)
    horizon = later(newest, -catalogue.policy.horizon)
    kinds = chart.kinds
    interacting = interacting_histories(chart, catalogue, horizon) if kinds & Kind.INTERACTING else ()
    opioids = tuple(
        _course(history, tuple(prolongers_of(history.opioid, interacting, catalogue.prolonging)), catalogue)
        for history in opioid_histories(chart, catalogue, horizon)
    )
    antagonists = tuple(antagonist_histories(chart, catalogue, horizon)) if kinds & Kind.ANTAGONIST else ()
    return Picture(
        catalogue,
        chart,
        known_since,
        patient,
        opioids,
        antagonists,
        interacting,
        gut_opioids(chart, catalogue, horizon) if kinds & Kind.GUT_OPIOID else (),
        peripherals(chart, catalogue, horizon) if kinds & Kind.PERIPHERAL else (),
        partners(chart, catalogue, horizon) if kinds & Kind.PARTNER else (),
        Attestations(_coded(chart.evidence, catalogue), tuple(course.history for course in opioids), catalogue.policy)
        if chart.evidence
        else None,
        tuple(starts(antagonists, catalogue)),
    )


def _coded(evidence: Iterable[Evidence], catalogue: Catalogue) -> tuple[Evidence, ...]:
    """The evidence with salts read as their ingredients."""
    of = catalogue.roles_reader.ingredient_of
    return tuple(replace(fact, ingredients=tuple(of(code) for code in fact.ingredients)) for fact in evidence)


def _course(history: OpioidHistory, prolongers: tuple[Prolonger, ...], catalogue: Catalogue) -> OpioidCourse:
    outlasting: dict[bytes, Span] = {}
    course = OpioidCourse(history, prolongers, outlasting)
    for chain in (history.supply, history.given) if prolongers else ():
        farthest: Reach | None = None
        for span in chain.spans:
            reach = reach_of(course, span, catalogue)
            if farthest is None or reach.start >= farthest.start:
                farthest = reach
            else:
                outlasting[span.entries[-1].fact.key] = farthest.span
    return course


@dataclass(slots=True, eq=False)
class Reach:
    """An exposure with the window behind the earliest start."""

    opioid: Opioid
    span: Span
    window: Window
    prolongers: tuple[Prolonger, ...]  # that count

    @property
    def start(self) -> datetime:
        """The earliest start that this exposure allows; FOREVER where it has no end."""
        return later(self.span.possible_end, self.window.policy)


def window_of(opioid: Opioid, factor: Decimal, catalogue: Catalogue) -> Window:
    """The window of an opioid form at a half-life multiplier."""
    return catalogue.window(opioid.form, factor)


def acts_for(course: OpioidCourse, catalogue: Catalogue) -> timedelta:
    """How long an exposure goes on acting after its end: a depot for its half-lives, anything else not at all."""
    if course.opioid.form.acting is not Acting.DEPOT:
        return timedelta(0)
    return window_of(course.opioid, catalogue.policy.multiplier_floor, catalogue).hard


def certain_end(span: Span, lasting: timedelta) -> datetime | None:
    """Until when an exposure certainly acts, `lasting` after its documented end; None where that is only possible.

    A depot that was dispensed may still wait for its injection.
    """
    dispensed = bool(lasting) and isinstance(span.entries[-1].fact, Fill)
    return None if span.documented_end is None or dispensed else later(span.documented_end, lasting)


def reach_of(course: OpioidCourse, span: Span, catalogue: Catalogue) -> Reach:
    """The window behind the earliest start.

    An interacting medicine counts if it meets [possible end, possible end + window]: begin with multiplier 1 and
    recompute until stable. The multiplier only grows, so this ends.
    """
    factor = catalogue.policy.multiplier_floor
    if not course.prolongers:
        return Reach(course.opioid, span, window_of(course.opioid, factor, catalogue), ())
    while True:
        length = window_of(course.opioid, factor, catalogue)
        if span.possible_end == FOREVER:
            return Reach(course.opioid, span, length, ())
        counted = _meeting(course, span.possible_end, later(span.possible_end, length.policy))
        grown = _factor(counted, catalogue)
        if grown == factor:
            return Reach(course.opioid, span, length, counted)
        factor = grown


def reach_between(course: OpioidCourse, span: Span, end: datetime, at: datetime, catalogue: Catalogue) -> Reach:
    """The window by what was active between an end of the exposure and the time judged."""
    counted = _meeting(course, end, at) if course.prolongers else ()
    return Reach(course.opioid, span, window_of(course.opioid, _factor(counted, catalogue), catalogue), counted)


def _meeting(course: OpioidCourse, begin: datetime, end: datetime) -> tuple[Prolonger, ...]:
    return tuple(prolonger for prolonger in course.prolongers if prolonger.meets(begin, end))


def _factor(prolongers: Sequence[Prolonger], catalogue: Catalogue) -> Decimal:
    return multiplier(prolongers, catalogue.policy) if prolongers else catalogue.policy.multiplier_floor
