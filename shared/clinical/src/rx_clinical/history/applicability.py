"""FactBits of a set of facts: what decides which rules are asked, before any history is built."""

from collections.abc import Collection

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.history.chart import reported_medicine
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

# A positive test counts as an opioid of unknown kind, that is, a full agonist.
_BITS = {Evidence: FactBits.EVIDENCE | FactBits.FULL, PatientFact: FactBits.PATIENT, Procedure: FactBits.PROCEDURE}
_BITS |= {CompoundRequest: FactBits.COMPOUNDING, BatchRecord: FactBits.COMPOUNDING}
_BITS |= {Void: FactBits.REMOVING, ReturnToStock: FactBits.REMOVING}


def fact_bits(facts: Collection[Fact], catalogue: Catalogue) -> int:
    """Return everything that the facts may bring, as FactBits; what is voided or superseded counts too."""
    kinds = FactBits.MANY if len(facts) > catalogue.policy.too_many_facts else 0
    classify, late = catalogue.classify, catalogue.policy.late_beyond
    for fact in facts:
        medicine = getattr(fact, "medicine", None)
        if medicine is None:
            kinds |= _BITS.get(type(fact), 0)
            if isinstance(fact, Evidence) and fact.recorded_at - fact.occurred.latest > late:
                kinds |= FactBits.LATE
            continue
        if isinstance(fact, Report):
            reported = reported_medicine(fact, catalogue)
            bits = (catalogue.classify_misused if fact.misuse else classify)(reported)[1]
        else:
            bits = classify(medicine)[1]
            if bits & FactBits.NO_DAYS and isinstance(fact, Fill):
                bits |= FactBits.DEFICIENT
        kinds |= bits
        if fact.recorded_at - fact.occurred.latest > late:
            kinds |= FactBits.LATE
    return kinds
