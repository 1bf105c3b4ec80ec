"""The clinical core as an Assessor."""

from collections.abc import Iterable
from functools import lru_cache

from pharmacy.events.v1.event_pb2 import Event
from rx_clinical import Catalogue, History, assess
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.history.applicability import fact_bits
from rx_clinical.model.facts import Fact
from rx_clinical.rules import may_fire
from rx_contracts.ids import Pseudonym
from rx_contracts.versions import FindingSetVersion
from rx_contracts.wire import event_facts, finding_messages
from rx_runtime.sites import SiteRegistry
from rx_runtime.telemetry.metrics import histogram

from rx_monitor.domain.decide import EncodedFindings
from rx_monitor.domain.patient import Patient, StoredRevision

_FACTS_CACHED = 4096
"""Translated events: several events of one patient in a batch, each from its fact bits to its assessment."""
_SOURCE_SETS_CACHED = 1024
"""Sets of sources whose start of history was looked up in the site registry."""


class CoreAssessor:
    """Assesses patients with one catalogue. The site registry says since when a history is complete."""

    def __init__(self, catalogue: Catalogue, sites: SiteRegistry, state_epoch: int = 0) -> None:
        self._state_epoch = state_epoch
        self._catalogue = catalogue
        self._known_since = lru_cache(_SOURCE_SETS_CACHED)(sites.known_since)
        self._fact = lru_cache(_FACTS_CACHED)(_fact)
        self._seconds = histogram("rx_monitor_assess_seconds")

    def fact_bits(self, events: Iterable[StoredRevision]) -> int:
        """See Assessor. Omits the bit for too many facts, which only the whole patient shows."""
        return fact_bits([self._fact(event.content) for event in events], self._catalogue) & ~FactBits.MANY

    def may_fire(self, patient: Patient) -> bool:
        """See Assessor."""
        if patient.fact_bits is None or len(patient.events) > self._catalogue.policy.too_many_facts:
            return True
        return may_fire(patient.fact_bits)

    def finding_set_version(self, patient: Patient) -> FindingSetVersion:
        """See Assessor."""
        return FindingSetVersion(self._state_epoch, self._catalogue.ruleset_seq, patient.position)

    def __call__(self, name: Pseudonym, patient: Patient) -> EncodedFindings:
        """See Assessor."""
        with self._seconds.time():
            facts = [self._fact(event.content) for event in patient.events.values()]
            known_since = self._known_since(frozenset(fact.source for fact in facts))
            assessment = assess(History(facts=facts, known_since=known_since), self._catalogue)
            value, content_hash = finding_messages.published_findings(
                name, patient.position, assessment, self._catalogue, state_epoch=self._state_epoch
            )
        return EncodedFindings(value=value, content_hash=content_hash, is_empty=not assessment.findings)


def _fact(content: bytes) -> Fact:
    return event_facts.fact_from_event(Event.FromString(content))
