"""The rule context: everything that the rules read, derived once from the chart of one patient."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.patient import Patient
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.history.antagonist_exposure import AntagonistExposure, AntagonistStart, antagonist_exposures, starts
from rx_clinical.history.chart import Chart, Entry
from rx_clinical.history.co_medication import CoMedicationExposure, gut_opioids, partners, peripherals
from rx_clinical.history.evidence import Attestations
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.history.half_life_modifiers import precipitant_exposures, precipitants_of
from rx_clinical.history.opioid_exposure import OpioidExposure, opioid_exposures
from rx_clinical.history.washout_window import WashoutWindow, window_after
from rx_clinical.model.codes import FormKey, RxNormCode
from rx_clinical.model.facts import Evidence, Moment
from rx_clinical.model.washout import later


@dataclass(slots=True, eq=False)
class RuleContext:
    """The exposures, evidence and patient facts of one history, the input of every rule."""

    catalogue: Catalogue
    chart: Chart
    known_since: datetime | None
    patient: Patient
    opioids: tuple[OpioidExposure, ...] = ()
    antagonists: tuple[AntagonistExposure, ...] = ()
    precipitant_exposures: tuple[CoMedicationExposure[RxNormCode], ...] = ()
    gut_opioids: tuple[CoMedicationExposure[FormKey], ...] = ()
    peripherals: tuple[CoMedicationExposure[FormKey], ...] = ()
    partners: tuple[CoMedicationExposure[RxNormCode], ...] = ()
    attestations: Attestations | None = None  # None: no evidence on record
    starts: tuple[AntagonistStart, ...] = ()  # every antagonist event with its daily dose
    cache: dict[str, object] = field(default_factory=dict)  # of values that several rules derive

    def seen_at(self, exposure: OpioidExposure, moment: Moment) -> list[ExposurePeriod]:
        """Return the exposure periods of an opioid begun by a moment, ended by an attested last dose."""
        seen = exposure.seen_at(moment)
        return seen if self.attestations is None else self.attestations.apply(exposure.opioid, seen, moment)

    def firmly_seen_at(self, exposure: OpioidExposure, moment: Moment) -> list[ExposurePeriod]:
        """Return the same without attestations that leave tablets unaccounted for, which serve WR-03 alone."""
        return [period.recorded or period for period in self.seen_at(exposure, moment)]

    def entries(self) -> list[Entry]:
        """Return every entry of every exposure once, sorted by time and key."""
        periods = [
            *(period for exposure in self.opioids for period in exposure.every_period()),
            *(period for antagonist in self.antagonists for period in antagonist.every_period()),
            *(period for taken in self.precipitant_exposures for period in taken.periods()),
            *(period for taken in self.partners for period in taken.periods()),
        ]
        unique = {entry.fact.key: entry for period in periods for entry in period.entries}
        return sorted(unique.values(), key=lambda entry: entry.order)


def build_context(chart: Chart, catalogue: Catalogue, known_since: datetime | None) -> RuleContext:
    """Build the rule context of a chart; drop exposures that ended before the lookback horizon."""
    patient = Patient(tuple(chart.patient_facts), catalogue.patient_terms) if chart.patient_facts else catalogue.nobody
    newest = chart.newest_recorded_at
    if newest is None:
        return RuleContext(catalogue, chart, known_since, patient)
    horizon = later(newest, -catalogue.policy.horizon)
    kinds = chart.kinds
    taken = precipitant_exposures(chart, catalogue, horizon) if kinds & FactBits.INTERACTING else ()
    opioids = tuple(opioid_exposures(chart, catalogue, horizon))
    if taken:
        _add_precipitants(opioids, taken, catalogue)
    antagonists = tuple(antagonist_exposures(chart, catalogue, horizon)) if kinds & FactBits.ANTAGONIST else ()
    return RuleContext(
        catalogue,
        chart,
        known_since,
        patient,
        opioids,
        antagonists,
        taken,
        gut_opioids(chart, catalogue, horizon) if kinds & FactBits.GUT_OPIOID else (),
        peripherals(chart, catalogue, horizon) if kinds & FactBits.PERIPHERAL else (),
        partners(chart, catalogue, horizon) if kinds & FactBits.PARTNER else (),
        Attestations(_coded(chart.evidence, catalogue), opioids, catalogue.policy) if chart.evidence else None,
        tuple(starts(antagonists, catalogue)),
    )


def _coded(evidence: Iterable[Evidence], catalogue: Catalogue) -> tuple[Evidence, ...]:
    """Return the evidence with the codes of salts replaced by those of their ingredients."""
    of = catalogue.classifier.ingredient_of
    return tuple(replace(fact, ingredients=tuple(of(code) for code in fact.ingredients)) for fact in evidence)


def _add_precipitants(
    opioids: Iterable[OpioidExposure], taken: Iterable[CoMedicationExposure[RxNormCode]], catalogue: Catalogue
) -> None:
    """Set the precipitants of each opioid exposure, and the periods that outlast the rest of their chain."""
    for exposure in opioids:
        exposure.precipitants = tuple(precipitants_of(exposure.opioid, taken, catalogue.prolonging))
        for chain in (exposure.supply, exposure.given) if exposure.precipitants else ():
            farthest: WashoutWindow | None = None
            for period in chain.periods:
                window = window_after(exposure, period, catalogue)
                if farthest is None or window.start >= farthest.start:
                    farthest = window
                else:
                    exposure.outlasting[period.entries[-1].fact.key] = farthest.period
