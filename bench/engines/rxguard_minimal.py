"""The monitor itself with the minimal join in place of the clinical core: what is left is what the engine costs."""

import sys
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from rx_clinical import Catalogue
from rx_contracts.ids import Pseudonym
from rx_contracts.versions import FindingSetVersion
from rx_monitor import bootstrap
from rx_monitor.domain.decide import EncodedFindings
from rx_monitor.domain.patient import Patient, StoredRevision
from rx_monitor.settings import MonitorSettings
from rx_runtime.service import main
from rx_runtime.sites import SiteRegistry

from bench.join import ANTAGONIST, NEITHER, OPIOID, output, read

_EVENTS_KEPT = 4_096  # as many as the core's assessor keeps


class MinimalAssessor:
    """Stands where the core's assessor stands, and answers with the pairs of the minimal join."""

    def __init__(self, catalogue: Catalogue, sites: SiteRegistry, state_epoch: int = 0) -> None:  # noqa: ARG002  # as the core's
        """Take what the core's assessor takes."""
        self._read = lru_cache(_EVENTS_KEPT)(read)
        self._ruleset_seq = catalogue.ruleset_seq
        self._state_epoch = state_epoch

    def fact_bits(self, events: Iterable[StoredRevision]) -> int:
        """Return the roles of these events, as bits."""
        bits = NEITHER
        for event in events:
            bits |= self._read(event.content)[1].role
        return bits

    def may_fire(self, patient: Patient) -> bool:
        """Return True if both an antagonist and an opioid are or were held."""
        return patient.fact_bits is None or patient.fact_bits == ANTAGONIST | OPIOID

    def finding_set_version(self, patient: Patient) -> FindingSetVersion:
        """Return the version of a set of this state and ruleset."""
        return FindingSetVersion(self._state_epoch, self._ruleset_seq, patient.position)

    def __call__(self, name: Pseudonym, patient: Patient) -> EncodedFindings:  # noqa: ARG002  # the port's signature
        """Return the output of the patient's events."""
        value = output(dict(self._read(event.content) for event in patient.events.values()))
        return EncodedFindings(
            value=value, content_hash=blake2b(value, digest_size=16).digest(), is_empty=value == output({})
        )


def swap() -> None:
    """Have the monitor of this process put together with the minimal join."""
    if not hasattr(bootstrap, "CoreAssessor"):
        raise RuntimeError("rx_monitor.bootstrap has no CoreAssessor any more: adapt bench/engines/rxguard_minimal.py")
    vars(bootstrap)["CoreAssessor"] = MinimalAssessor


if __name__ == "__main__":
    swap()
    sys.exit(main("monitor", MonitorSettings, bootstrap.start))
