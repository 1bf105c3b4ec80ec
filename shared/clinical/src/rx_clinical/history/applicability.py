"""The gate before everything: what a set of facts brings, told at a glance, and whether any rule could speak."""

from collections.abc import Collection

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.roles import Kind
from rx_clinical.history.chart import read_as
from rx_clinical.model.facts import (
    BatchRecord,
    CompoundRequest,
    Evidence,
    Fact,
    Fill,
    PatientFact,
    Procedure,
    Report,
    ReturnToStock,
    Void,
)

# A positive test is an opioid of unknown kind, as a full agonist.
_BITS = {Evidence: Kind.EVIDENCE | Kind.FULL, PatientFact: Kind.PATIENT, Procedure: Kind.PROCEDURE}
_BITS |= {CompoundRequest: Kind.COMPOUNDING, BatchRecord: Kind.COMPOUNDING}
_BITS |= {Void: Kind.REMOVING, ReturnToStock: Kind.REMOVING}
# Each of these may raise a finding without anything beside it.
_ALONE = Kind.ANTAGONIST | Kind.SEQUESTERED | Kind.ROUTE_OPEN | Kind.EVIDENCE | Kind.DEFICIENT
_ALONE |= Kind.LATE | Kind.MANY | Kind.COMPOUNDING
_WITH_OPIOID = Kind.INTERACTING | Kind.PERIPHERAL


def kinds_of(facts: Collection[Fact], catalogue: Catalogue) -> int:
    """Everything that the facts may bring, as bits of Kind; what is voided or superseded counts too."""
    kinds = Kind.MANY if len(facts) > catalogue.policy.too_many_facts else 0
    read, late = catalogue.read, catalogue.policy.late_beyond
    for fact in facts:
        medicine = getattr(fact, "medicine", None)
        if medicine is None:
            kinds |= _BITS.get(type(fact), 0)
            if isinstance(fact, Evidence) and fact.recorded_at - fact.occurred.latest > late:
                kinds |= Kind.LATE
            continue
        if isinstance(fact, Report):
            bits = read(read_as(fact, catalogue), misuse=fact.misuse)[1]
        else:
            bits = read(medicine)[1]
            if bits & Kind.NO_DAYS and isinstance(fact, Fill):
                bits |= Kind.DEFICIENT
        kinds |= bits
        if fact.recorded_at - fact.occurred.latest > late:
            kinds |= Kind.LATE
    return kinds


def may_speak(kinds: int) -> bool:
    """Some rule could raise a finding."""
    if kinds & _ALONE:
        return True
    classes = kinds & Kind.OPIOID
    if not classes:
        return False
    return bool(kinds & _WITH_OPIOID) or classes not in (Kind.FULL, Kind.PARTIAL, Kind.MIXED)
