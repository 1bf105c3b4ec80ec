"""Reason codes derived from the parts of a finding."""

from collections.abc import Iterable, Sequence

from rx_clinical.catalogue.antagonists import BY_DOSE
from rx_clinical.catalogue.drug_forms import Acting
from rx_clinical.catalogue.names import Names
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Antagonist
from rx_clinical.history.chart import Entry
from rx_clinical.history.washout_window import WashoutWindow
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, hours

_ACTING = {Acting.LONG: Reason.LONG_ACTING_FORM, Acting.DEPOT: Reason.DEPOT}
_CLASS = {"partial_agonist": Reason.PARTIAL_AGONIST, "mixed_agonist_antagonist": Reason.MIXED_AGONIST}


def window_reasons(windows: Iterable[WashoutWindow], policy: Policy) -> set[Reason]:
    """Return the reasons that set the washout windows of these exposures."""
    return {reason for window in windows for reason in _of_window(window, policy)}


def _of_window(window: WashoutWindow, policy: Policy) -> Iterable[Reason]:
    form, lengths = window.opioid.form, window.lengths
    if form.half_life_high_h >= hours(policy.long_half_life):
        yield Reason.LONG_HALF_LIFE
    if form.acting in _ACTING:
        yield _ACTING[form.acting]
    if window.opioid.non_prescription:
        yield Reason.NON_PRESCRIPTION_OPIOID
    if form.drug_class in _CLASS:
        yield _CLASS[form.drug_class]
    if lengths.by_half_lives:
        yield Reason.FIVE_HALF_LIVES
    else:
        yield Reason.LABEL_7_10_DAYS if form.acting is Acting.SHORT else Reason.LABEL_2_WEEKS
    if lengths.by_floor and window.period.possible_end != FOREVER:
        yield Reason.TWO_WEEK_WASHOUT
    if lengths.by_half_lives and lengths.multiplier > policy.multiplier_floor:
        yield Reason.HALF_LIFE_EXTENDED


def interaction_reasons(windows: Iterable[WashoutWindow]) -> set[Reason]:
    """Return the reasons by the number and evidence of the precipitants that count."""
    rows = {
        precipitant.interaction.precipitant_code: precipitant.interaction
        for window in windows
        for precipitant in window.precipitants
    }
    reasons = set()
    if len(rows) > 1:
        reasons.add(Reason.MULTIPLE_PERPETRATORS)
    if any(row.evidence_level is EvidenceLevel.SEED_CLAIM_ONLY for row in rows.values()):
        reasons.add(Reason.EVIDENCE_SINGLE_REPORT)
    return reasons


def antagonist_reasons(antagonist: Antagonist, entry: Entry, parts: Iterable[Entry], names: Names) -> set[Reason]:
    """Return HIDDEN_ANTAGONIST if the product hides it, DOSE_UNKNOWN if a dose of the daily sum is missing."""
    reasons = set()
    if hides_antagonist(entry, names):
        reasons.add(Reason.HIDDEN_ANTAGONIST)
    if antagonist.tier == BY_DOSE and any(part.medicine.daily_dose_mg is None for part in (entry, *parts)):
        reasons.add(Reason.DOSE_UNKNOWN)
    return reasons


def hides_antagonist(entry: Entry, names: Names) -> bool:
    """Return True if the product text does not name the antagonist; without text, if the product hides it."""
    text = entry.medicine.text
    return not names.names_antagonist(text) if text else entry.roles.hidden


def spacing_reasons(entries: Sequence[Entry], names: Names) -> set[Reason]:
    """Return HOUR_SPACING_UNSAFE if a product text or directions space opioid and antagonist by hours."""
    spaced = any(names.spaces_by_hours(f"{entry.medicine.text} {entry.medicine.directions}") for entry in entries)
    return {Reason.HOUR_SPACING_UNSAFE} if spaced else set()
