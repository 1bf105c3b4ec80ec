"""The input formats by media type. A new format is one package in `formats/` and one line here."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from rx_ingest.formats.fhir_r4.format import FHIR_R4
from rx_ingest.formats.protocol import Format, Syntax
from rx_ingest.formats.rxguard_json.format import RXGUARD_JSON


class Registry:
    """Finds the format of a document by its media type, or by its content where the media type is not specific."""

    def __init__(self, formats: Sequence[Format]) -> None:
        """Take the formats in the order of their names in messages.

        The first is the default: it reads every JSON document that no other format recognises. Raises ValueError if
        two formats claim one media type.
        """
        self.formats = tuple(formats)
        self.default = formats[0]
        by_media_type = {name: found for found in formats for name in found.media_types}
        if len(by_media_type) != sum(len(found.media_types) for found in formats):
            raise ValueError("two formats claim one media type")
        self.by_media_type: Callable[[str], Format | None] = by_media_type.get
        """Return the format of a media type, None if no format claims it."""
        self._specific_json = [found for found in formats[1:] if found.syntax is Syntax.JSON]
        self._bytes = [found for found in formats[1:] if found.syntax is Syntax.BYTES]

    @property
    def supported(self) -> str:
        """Return the media types as the end of a refusal: `neither a nor b`."""
        return "neither " + " nor ".join(found.media_types[0] for found in self.formats)

    def specific_json(self, document: Any) -> Format | None:  # noqa: ANN401  # a JSON value
        """Return the format that recognises a JSON document, None if only the default reads it."""
        for found in self._specific_json:  # a loop: a generator costs more than the check, for every record
            if found.sniff(document):
                return found
        return None

    def of_bytes(self, raw: bytes) -> Format | None:
        """Return the format that recognises bytes which need not be JSON, None if none does."""
        return next((found for found in self._bytes if found.sniff(raw)), None)

    def check_parameters(self, parameters: str) -> None:
        """Raise EdgeError if a format refuses these media type parameters."""
        for found in self.formats:
            found.check_parameters(parameters)


FORMATS: Final = Registry((RXGUARD_JSON, FHIR_R4))
