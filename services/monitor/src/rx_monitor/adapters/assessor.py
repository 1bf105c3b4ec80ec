"""The clinical core behind the port that the handlers know."""

from pharmacy.events.v1.event_pb2 import Event
from rx_clinical import Catalogue, History, assess
from rx_contracts import translate
from rx_runtime.metrics import histogram
from rx_runtime.sites import SiteRegistry

from rx_monitor.domain.decide import FindingSet
from rx_monitor.domain.patient import Patient, Pseudonym


class CoreAssessor:
    """Assesses a patient with one catalogue; the site registry says since when a history is complete."""

    def __init__(self, catalogue: Catalogue, sites: SiteRegistry) -> None:
        self._catalogue = catalogue
        self._sites = sites

    def __call__(self, name: Pseudonym, patient: Patient) -> FindingSet:
        """The finding set of the patient at the patient's position."""
        with histogram("rx_monitor_assess_seconds").time():
            facts = translate.history_facts(Event.FromString(held.content) for held in patient.events.values())
            known_since = self._sites.known_since(fact.source for fact in facts)
            assessment = assess(History(facts=facts, known_since=known_since), self._catalogue)
            published = translate.finding_set(name, patient.position, assessment, self._catalogue)
        return FindingSet(
            value=published.SerializeToString(deterministic=True),
            content_hash=translate.finding_set_hash(published),
            is_empty=not published.findings,
        )
