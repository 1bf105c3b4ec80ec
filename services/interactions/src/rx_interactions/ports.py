"""Ports: what the handlers need from the outside."""

from typing import Protocol

from rx_interactions.domain.answer import KnownHistory


class Histories(Protocol):
    """Reads the medication history of a patient."""

    async def history(self, namespace: str, value: str, *, timeout_seconds: float) -> KnownHistory:
        """Return the history of a patient, empty for an unknown patient. Blocks at most `timeout_seconds`.

        Raises DependencyUnavailable HISTORY_UNAVAILABLE if it cannot be read in time, and InvalidInput PATIENT_INVALID
        if `prescriptions` refuses the patient.
        """
        ...
