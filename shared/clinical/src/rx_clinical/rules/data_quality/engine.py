"""Decisions about single entries whose data cannot be relied on, for the DQ rules."""

from collections.abc import Callable, Iterable
from functools import partial

from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason


def decide_entries(
    rule_id: str,
    entries: Iterable[Entry],
    severity: Severity,
    display: Display,
    explain: Callable[[Entry], Explanation],
) -> list[Decision]:
    """Return one decision per entry, anchored at the entry itself."""
    return [
        Decision(
            rule=rule_id,
            anchor=Event(entry, entry.fact.occurred),
            severity=severity,
            display=display,
            explain=partial(explain, entry),
        )
        for entry in entries
    ]


def explain_entry(entry: Entry, name: str, sentences: list[str], reasons: Iterable[Reason] = ()) -> Explanation:
    """Explain a decision that rests on one entry alone; `name` is the medicine as people read it."""
    return Explanation(
        reasons=reasons,
        sentences=sentences,
        basis=[BasisItem(BasisRole.DEFICIENT, name, entry.medicine.form_key, entry)],
        evidence_level=EvidenceLevel.POLICY,
    )
