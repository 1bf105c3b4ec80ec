"""Types of the codes and words in facts, tables and findings."""

from enum import StrEnum
from typing import NewType

RxNormCode = NewType("RxNormCode", str)
"""RxNorm concept identifier (RXCUI), decimal digits: of an ingredient, or of a product (SCD or SBD)."""

NO_CODE = RxNormCode("")
"""Stands for a missing code in a look-up; no row has it."""

NdcCode = NewType("NdcCode", str)
"""National Drug Code of a package in the form 5-4-2 with hyphens."""

FormKey = NewType("FormKey", str)
"""Key of a row of drugs.csv: an ingredient in a form, for example `oxycodone_er`."""


class Word(StrEnum):
    """A closed list of words. A member hashes, compares, encodes and prints as its string.

    Also `repr` is that of the string: of two facts that claim one revision, the greater `repr` wins.
    """

    def __repr__(self) -> str:
        """Return the `repr` of the string."""
        return repr(self.value)


class Route(Word):
    """Route of administration, as the edge event states it."""

    ORAL = "oral"
    IV = "iv"
    IM = "im"
    SC = "sc"
    RECTAL = "rectal"
    SUBLINGUAL = "sublingual"
    BUCCAL = "buccal"
    TRANSDERMAL = "transdermal"
    TOPICAL = "topical"
    OPHTHALMIC = "ophthalmic"
    OTIC = "otic"
    VAGINAL = "vaginal"
    INHALED = "inhaled"
    NASAL_LOCAL = "nasal_local"

    @classmethod
    def of(cls, word: str) -> "Route | None":
        """Return the route of a word; None, which counts as systemic, for an empty or unknown one."""
        return _ROUTES.get(word)


_ROUTES = {str(route): route for route in Route}

LOCAL_ROUTES = frozenset({
    Route.TOPICAL, Route.OPHTHALMIC, Route.OTIC, Route.VAGINAL, Route.INHALED, Route.NASAL_LOCAL,
})  # fmt: skip
"""Routes of local action. Any other route, and an unknown one, counts as systemic: the cautious reading."""


class OrderStatus(Word):
    """State of an order, the words of FHIR R4 MedicationRequest.status with `draft` and `ended`."""

    ACTIVE = "active"
    DRAFT = "draft"
    ON_HOLD = "on-hold"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    STOPPED = "stopped"
    ENDED = "ended"
    ENTERED_IN_ERROR = "entered-in-error"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, word: str) -> "OrderStatus":
        """Return the status of a word; UNKNOWN, with which an order stays possible, for an empty or unknown one."""
        return _STATUSES.get(word, cls.UNKNOWN)


_STATUSES = {str(status): status for status in OrderStatus}


class EvidenceLevel(Word):
    """What a statement rests on, strongest first; the words of perpetrators.csv and of findings."""

    CLINICAL_STUDY = "CLINICAL_STUDY"
    LABEL = "LABEL"
    LABEL_CLASS = "LABEL_CLASS"  # the label names the class, not the medicine
    REFERENCE_LIST = "REFERENCE_LIST"
    CASE_SERIES = "CASE_SERIES"
    CASE_REPORT = "CASE_REPORT"
    CASE_REPORT_AND_REFERENCE_LIST = "CASE_REPORT+REFERENCE_LIST"
    MECHANISM_ONLY = "MECHANISM_ONLY"
    SEED_CLAIM_AND_REFERENCE_LIST = "SEED_CLAIM+REFERENCE_LIST"
    SEED_CLAIM_ONLY = "SEED_CLAIM_ONLY"  # the report of one clinician, no study
    NEGATIVE_CONTROL = "NEGATIVE_CONTROL"  # a pair without interaction
    POLICY = "POLICY"  # a choice of this project, stated in policy.csv
