"""What an input format is: the protocol that each package in `rx_ingest.formats` implements once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from rx_contracts.edge.errors import EdgeError
from rx_contracts.edge.event import EdgeEvent


class Syntax(StrEnum):
    """Which value a format reads."""

    JSON = "json"  # a JSON value, decoded once by the envelope with `rx_contracts.edge.json.read_json`
    BYTES = "bytes"  # the bytes of the document; the format decodes them


class Product(Protocol):
    """What the catalogue knows about a code."""

    @property
    def form_key(self) -> str | None:
        """Return the row of the drug table."""

    @property
    def relevant(self) -> bool:
        """Return True if an ingredient or the form is in the clinical tables."""

    @property
    def strength_mg(self) -> Decimal | None:
        """Return milligrams a tablet or mL."""


CodeProduct = Callable[[Sequence[tuple[str, str]]], Product | None]
"""Returns the product of (system, code) pairs, None if no code is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a document does not state itself: its sender, its site, and the product table of this installation."""

    source: str
    site_id: str | None
    zone: str  # IANA zone of the site; a date without clock time is local to it
    code_product: CodeProduct


class DocumentEntry(NamedTuple):
    """One entry of a document: its events in order, or the reason for its refusal."""

    number: int  # position in the document from 0, or WHOLE_DOCUMENT
    kind: str  # type of the entry in the words of the format, or UNKNOWN_KIND; a stable name, never free text
    events: tuple[EdgeEvent, ...] = ()
    error: EdgeError | None = None


class ReadDocument(NamedTuple):
    """Every entry of a document in its order, and how many entries of other types it holds, by type."""

    entries: tuple[DocumentEntry, ...]
    ignored: Mapping[str, int] = MappingProxyType({})


class Format(Protocol):
    """An input format. Stateless; one instance serves every reader.

    `tests/contract/test_ingest_formats.py` holds each registered format to this contract.
    """

    @property
    def media_types(self) -> tuple[str, ...]:
        """Return the media types, lower case; the first is the one that RxGuard writes."""

    @property
    def cloud_event_type(self) -> str:
        """Return the CloudEvents `type` that RxGuard writes with a document of this format."""

    @property
    def default_source(self) -> str | None:
        """Return the source of a document whose envelope names none.

        None: each event names its own source and site, and those of the envelope are not read.
        """

    @property
    def syntax(self) -> Syntax:
        """Return which value `sniff` and `read` take."""

    def sniff(self, document: Any) -> bool:  # noqa: ANN401  # a JSON value or bytes, see `syntax`
        """Return True if a document without a specific media type is of this format. Looks at the outermost level."""

    def check_parameters(self, parameters: str) -> None:
        """Check media type parameters, such as a version: lower case, without blanks and quotes, `;` between them.

        Called for every document with parameters, whichever format reads it; ignore parameters of other formats.
        Raises EdgeError for a version that cannot be read.
        """

    def read(self, document: Any, origin: Origin) -> ReadDocument:  # noqa: ANN401  # a JSON value or bytes
        """Return one entry, read or refused, for each entry of the document.

        Raises EdgeError if the document as a whole cannot be read. No error repeats a value or key of the document.
        """
