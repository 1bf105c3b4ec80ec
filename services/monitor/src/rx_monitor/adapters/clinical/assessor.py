"""The clinical core behind the port that a decision knows."""

from collections.abc import Iterable
from functools import lru_cache

from pharmacy.events.v1.event_pb2 import Event
from rx_clinical import Catalogue, History, assess
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.history.applicability import fact_bits
from rx_clinical.model.facts import Fact
from rx_clinical.rules import may_fire
from rx_contracts.wire import event_facts, finding_messages
from rx_runtime.sites import SiteRegistry
from rx_runtime.telemetry.metrics import histogram

from rx_monitor.domain.decide import FindingSet
from rx_monitor.domain.patient import Held, Patient, Pseudonym

_FACTS_KEPT = 4096
"""Translated events kept: the several events of one patient in a batch, and each from its kinds to its assessment."""
_SOURCES_KEPT = 1024
"""Sets of sources whose site entries were looked through before."""


class CoreAssessor:
    """Assesses patients with one catalogue; the site registry says since when a history is complete."""

    def __init__(self, catalogue: Catalogue, sites: SiteRegistry, build: int = 0) -> None:
        self._build = build
        self._catalogue = catalogue
        self._known_since = lru_cache(_SOURCES_KEPT)(sites.known_since)
        self._fact = lru_cache(_FACTS_KEPT)(_fact)
        self._seconds = histogram("rx_monitor_assess_seconds")

    def kinds(self, events: Iterable[Held]) -> int:
        """See Assessor. Of one fact too many nothing is told: that is seen in the whole patient."""
        return fact_bits([self._fact(event.content) for event in events], self._catalogue) & ~FactBits.MANY

    def may_fire(self, patient: Patient) -> bool:
        """See Assessor."""
        if patient.kinds is None or len(patient.events) > self._catalogue.policy.too_many_facts:
            return True
        return may_fire(patient.kinds)

    def __call__(self, name: Pseudonym, patient: Patient) -> FindingSet:
        """See Assessor."""
        with self._seconds.time():
            facts = [self._fact(event.content) for event in patient.events.values()]
            known_since = self._known_since(frozenset(fact.source for fact in facts))
            assessment = assess(History(facts=facts, known_since=known_since), self._catalogue)
            value, content_hash = finding_messages.published_findings(
                name, patient.position, assessment, self._catalogue, state_epoch=self._build
            )
        return FindingSet(value=value, content_hash=content_hash, is_empty=not assessment.findings)


def _fact(content: bytes) -> Fact:
    return event_facts.fact_from_event(Event.FromString(content))
