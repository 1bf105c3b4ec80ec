"""Opioid-free evidence: the effect of an attested last dose or a negative test, and why an attestation is ignored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from rx_clinical.catalogue.drug_forms import Acting
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import Opioid
from rx_clinical.history.chart import Entry
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.model.facts import Evidence, Fill, Moment, Prescription
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import later

ATTESTING = frozenset({"clinician_attestation", "stock_disposed"})
_TEST = "urine_drug_test"
_CHALLENGE = "naloxone_challenge"


class Ignored(StrEnum):
    """Why an attestation has no effect. DQ-04 prints these texts."""

    NO_CLINICIAN = "no named clinician stands behind it"
    NO_LAST_DOSE = "it states no last dose"
    NO_INGREDIENT = "it names no opioid"
    DEPOT = "a depot goes on releasing whatever anybody attests"
    NOT_SHORT_ACTING = "the stock is not accounted for and the opioid is not short-acting"
    RESTRICTED = "a restricted source is never softened"
    ONLY_ORDERED = "an order without a fill is never softened"
    UNCOVERED = "an exposure after the attested dose, or recorded after the attestation, is not covered by it"


@dataclass(slots=True, eq=False)
class Attestations:
    """The evidence about one patient, applied to the opioid exposures on record."""

    evidence: Sequence[Evidence]
    opioids: Sequence[OpioidExposure]
    policy: Policy

    def apply(self, opioid: Opioid, periods: list[ExposurePeriod], moment: Moment) -> list[ExposurePeriod]:
        """Return the exposure periods of an opioid at a moment, ended by the newest valid attested last dose."""
        stated = [fact for fact in self.evidence if fact.kind in ATTESTING and opioid.ingredient in fact.ingredients]
        if not stated:
            return periods
        seen = [
            entry
            for exposure in self.opioids
            if exposure.opioid.ingredient == opioid.ingredient
            for entry in exposure.entries_seen_at(moment)
        ]
        valid = [
            fact
            for fact in stated
            if why_ignored(fact, [opioid]) is None and all(covers(fact, entry) for entry in seen)
        ]
        if not valid:
            return periods
        newest = max(valid, key=lambda fact: (last_dose(fact), accounted_for(fact), fact.key))
        return [_attested(period, newest) for period in periods]

    def negative_after(self, opioid: Opioid, documented_end: datetime, before: datetime | None) -> Evidence | None:
        """Return a negative test or challenge, long enough after the last dose and before the antagonist start."""
        from_time = later(documented_end, self.policy.label_short_lower)
        for fact in self.evidence:
            applies = fact.kind == _CHALLENGE or (fact.kind == _TEST and opioid.ingredient in fact.ingredients)
            if (
                applies
                and fact.result == "negative"
                and fact.occurred.earliest >= from_time
                and (before is None or fact.occurred.latest < before)
            ):
                return fact
        return None


def why_ignored(fact: Evidence, opioids: Iterable[Opioid]) -> Ignored | None:
    """Return why an attestation about these opioids is ignored whatever else is on record; None if it counts."""
    forms = [opioid.form for opioid in opioids]
    if not fact.recorded_by:
        return Ignored.NO_CLINICIAN
    if fact.kind != "stock_disposed" and fact.attested_last_dose is None:
        return Ignored.NO_LAST_DOSE
    if not fact.ingredients:
        return Ignored.NO_INGREDIENT
    if any(form.acting is Acting.DEPOT for form in forms):
        return Ignored.DEPOT
    if not accounted_for(fact) and any(form.acting is not Acting.SHORT for form in forms):
        return Ignored.NOT_SHORT_ACTING
    return None


def accounted_for(fact: Evidence) -> bool:
    """Return True if the clinician saw the rest of the supply returned or destroyed."""
    return fact.stock_accounted_for or fact.kind == "stock_disposed"


def last_dose(fact: Evidence) -> datetime:
    """Return the attested last dose; of disposed stock without one, the time of disposal."""
    return (fact.attested_last_dose or fact.occurred).latest


def covers(fact: Evidence, entry: Entry) -> bool:
    """Return True if the exposure happened by the attested time and was on record at the attestation."""
    happened = entry.in_hand if isinstance(entry.fact, Fill) else entry.fact.occurred
    recorded = max(step.recorded_at for step in entry.steps)
    return happened.latest <= last_dose(fact) and recorded <= fact.recorded_at


def _attested(period: ExposurePeriod, fact: Evidence) -> ExposurePeriod:
    """Return the period ended by the attested dose; unchanged for an order without a fill and a restricted source."""
    if isinstance(period.entries[0].fact, Prescription) or Reason.RESTRICTED_SOURCE in period.reasons:
        return period
    end, accounted = last_dose(fact), accounted_for(fact)
    recorded_later = period.documented_end is not None and max(period.documented_end, period.possible_end) > end
    return replace(
        period,
        documented_end=end,
        possible_end=end,
        entries=(*period.entries, Entry(fact)),
        reasons=(period.reasons - {Reason.SUPPLY_END_ASSUMED, Reason.ONGOING_NO_END})
        | ({Reason.LAST_DOSE_ATTESTED} if recorded_later else frozenset()),
        recorded=None if accounted else period,
    )


def uncovered(fact: Evidence, exposures: Iterable[OpioidExposure]) -> bool:
    """Return True if the attestation does not cover every exposure to the ingredients that it names."""
    return any(
        not covers(fact, entry)
        for exposure in exposures
        if exposure.opioid.ingredient in fact.ingredients
        for entry in exposure.every_entry()
    )
