"""Name the gaps: what the records cannot show. Every answer carries them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from rx_clinical import Assessment, CodedMedicine
from rx_clinical.findings.wording import utc_text
from rx_clinical.model.facts import Administration, Fact, Fill, Medicine, Prescription, Report, ReturnToStock, Void

from rx_interactions.domain.answer import Freshness, KnownHistory

GENERAL_GAPS = (
    "Records cannot show leftover tablets: confirm the last dose with the patient, check the PDMP.",
    "Opioid treatment programmes, for example a methadone clinic, do not report here.",
    "Other organisations and other pharmacies do not report here.",
    "Medicines given in a hospital stay are not on record.",
    "Foreign, mail-order or borrowed supply is known only if somebody reported it.",
    "Liver and kidney disease, which slow elimination, are not modelled.",
)

_UNREAD_KINDS = {
    "merge": "a merge of two patient records, of which this one alone was looked at",
    "unknown": "a kind of fact that a later version introduced",
}


def gaps(
    product: CodedMedicine,
    history: KnownHistory,
    assessment: Assessment,
    *,
    hand_over_time: datetime,
    expected_interval: Callable[[str], timedelta],
) -> tuple[str, ...]:
    """Return every gap of an answer, specific ones first. Holds product texts: for the caller, never for a log."""
    return (
        *_product_gaps(product, assessment),
        *_history_gaps(history),
        *_source_gaps(history.sources, hand_over_time, expected_interval),
        *_version_gaps(assessment),
        *GENERAL_GAPS,
    )


def medicines(facts: Iterable[Fact]) -> list[Medicine]:
    """Return the medicines of facts, without those returned to stock or voided."""
    known = tuple(facts)
    withdrawn = {fact.refers_to for fact in known if isinstance(fact, Void | ReturnToStock)}
    return [
        fact.medicine
        for fact in known
        if isinstance(fact, Prescription | Fill | Administration | Report) and fact.key not in withdrawn
    ]


def _product_gaps(product: CodedMedicine, assessment: Assessment) -> list[str]:
    if not product.medicine.coded:
        return ["The product asked about has no known code: nothing about it was assessed."]
    if not product.known:
        return ["A part of the product asked about has no known code: that part was not assessed."]
    if not assessment.rules_run:
        return ["No rule ran: nothing about the product was assessed."]
    return []


def _history_gaps(history: KnownHistory) -> list[str]:
    found = []
    if not history.facts:
        found.append("Nothing is on record about this patient: an empty history is not a clear one.")
    if history.known_since is None:
        found.append("No source declares its history of this patient to be complete.")
    else:
        found.append(f"What happened before {utc_text(history.known_since)} may be missing.")
    unknown = {medicine.text or "a product without text" for medicine in medicines(history.facts) if not medicine.coded}
    if unknown:
        found.append(f"Products on record without a known code were not assessed: {'; '.join(sorted(unknown))}.")
    return found


def _source_gaps(
    sources: Sequence[Freshness], hand_over_time: datetime, expected_interval: Callable[[str], timedelta]
) -> list[str]:
    found = []
    for source in sorted(sources, key=lambda freshness: freshness.source):
        newest = source.newest_recorded_time
        if newest is None:
            found.append(f"Source {source.source} has recorded nothing yet.")
        elif hand_over_time - newest > expected_interval(source.source):
            found.append(f"Source {source.source} is stale: its newest record is of {utc_text(newest)}.")
    return found


def _version_gaps(assessment: Assessment) -> list[str]:
    found = []
    if assessment.rules_not_covered:
        found.append("Some rules are not covered by this version; `coverage` names them.")
    if assessment.unread:
        kinds = sorted({_UNREAD_KINDS.get(kind, kind) for kind in assessment.unread})
        found.append(f"On record, but not read by this version, read it yourself: {'; '.join(kinds)}.")
    return found
