"""Check a `PatientRef` of a request: the same limits and the same code in every service."""

from pharmacy.prescriptions.v1.prescriptions_pb2 import PatientRef

PATIENT_INVALID = "PATIENT_INVALID"
"""Reason code of every RPC that refuses a patient."""

MAX_NAMESPACE_CHARACTERS = 128
MAX_VALUE_CHARACTERS = 256


def patient_ref_fault(reference: PatientRef) -> str | None:
    """Return what is wrong with the reference, naming the field and its limits; None if it is valid."""
    if not 1 <= len(reference.namespace) <= MAX_NAMESPACE_CHARACTERS:
        return f"patient.namespace: 1 to {MAX_NAMESPACE_CHARACTERS} characters"
    if not 1 <= len(reference.value) <= MAX_VALUE_CHARACTERS:
        return f"patient.value: 1 to {MAX_VALUE_CHARACTERS} characters"
    return None
