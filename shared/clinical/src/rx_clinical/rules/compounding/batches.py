"""Compounded batches: their records, and whether units of them are with patients."""

from collections.abc import Iterable
from dataclasses import dataclass

from rx_clinical.catalogue.policy import Policy
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.facts import BatchRecord, CompoundRequest
from rx_clinical.model.findings import Urgency

_NO_RECALL = frozenset({"", "none", "closed"})


@dataclass(slots=True, eq=False)
class BatchEvent(Event):
    """A batch, at the day of compounding."""

    @property
    def urgency(self) -> Urgency:
        """Urgency by whether some of the batch is with patients already."""
        fact = self.entry.fact
        dispensed = isinstance(fact, BatchRecord) and fact.dispensed
        return Urgency.WITH_PATIENT if dispensed else Urgency.CAN_STOP


def batches(compounding: Iterable[CompoundRequest | BatchRecord]) -> list[BatchRecord]:
    """Return the batch records among the facts about compounding."""
    return [fact for fact in compounding if isinstance(fact, BatchRecord)]


def batch_text(batch: BatchRecord) -> str:
    """Name a batch: `batch B-17 (naltrexone 4.5 mg capsule)`."""
    return f"batch {batch.event_id}{f' ({batch.product})' if batch.product else ''}"


def potency_fails(batch: BatchRecord, policy: Policy) -> bool:
    """Return True if a result is known and outside its limits; the limits pass, and nothing is rounded."""
    result = batch.potency_result_pct
    return result is not None and not policy.potency_low <= result <= policy.potency_high


def recalled(batch: BatchRecord) -> bool:
    """Return True while a recall is not over."""
    return batch.recall_status not in _NO_RECALL
