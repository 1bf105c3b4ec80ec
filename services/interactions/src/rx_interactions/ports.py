"""What the handlers need from the outside."""

from typing import Protocol

from rx_interactions.domain.answer import KnownHistory


class Histories(Protocol):
    """Serves what is on record."""

    async def history(self, namespace: str, value: str, *, timeout_seconds: float) -> KnownHistory:
        """The history of a patient; an unknown patient has an empty one.

        Raises DependencyUnavailable HISTORY_UNAVAILABLE if it cannot be read in time.
        """
        ...
