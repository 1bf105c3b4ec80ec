"""The edge event of RxGuard: one JSON object a document, one event an object."""

from typing import Any, Final

from rx_contracts.edge.errors import EdgeError
from rx_contracts.edge.event import EVENT_MODELS, validate_event

from rx_ingest.formats.protocol import DocumentEntry, Origin, ReadDocument, Syntax
from rx_ingest.model import UNKNOWN_KIND


class RxguardJson:
    """See rx_ingest.formats.protocol.Format. Each event names its own source and site."""

    media_types = ("application/json",)
    cloud_event_type = "pharmacy.event.v1"
    default_source = None
    syntax = Syntax.JSON

    def sniff(self, document: Any) -> bool:  # noqa: ANN401  # a JSON value
        """Return True for an object with the type of an edge event."""
        return _kind(document) != UNKNOWN_KIND

    def check_parameters(self, parameters: str) -> None:
        """Accept every parameter: the edge event has no version but its media type."""

    def read(self, document: Any, origin: Origin) -> ReadDocument:  # noqa: ANN401, ARG002  # an event names its own origin
        """Return the one entry of the document."""
        kind = _kind(document)
        try:
            entry = DocumentEntry(number=0, kind=kind, events=(validate_event(document),))
        except EdgeError as error:
            entry = DocumentEntry(number=0, kind=kind, error=error)
        return ReadDocument(entries=(entry,))


def _kind(document: object) -> str:
    kind = document.get("type") if isinstance(document, dict) else None
    return kind if isinstance(kind, str) and kind in EVENT_MODELS else UNKNOWN_KIND


RXGUARD_JSON: Final = RxguardJson()
