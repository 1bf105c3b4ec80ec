"""Reads inbound records into drafts of events: envelope, format, validation, coding, pseudonyms."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.model.facts import Moment, event_key
from rx_contracts.edge.errors import EdgeError
from rx_contracts.edge.event import EdgeEvent, PatientMerged, PatientRef, occurred
from rx_contracts.ids import EventKey, Pseudonym
from rx_contracts.wire.times import UNIX_EPOCH

from rx_ingest.coding import Coder
from rx_ingest.envelope import Envelope, open_envelope
from rx_ingest.formats.protocol import DocumentEntry, Origin, ReadDocument
from rx_ingest.model import UNKNOWN_KIND, WHOLE_DOCUMENT, CodedMedicine, Draft, InboundRecord, ReadEntry, ReadRecord
from rx_ingest.registry import FORMATS, Registry

MAX_AHEAD = timedelta(days=90)
"""How far a recorded time may lie after the time of the inbound record. Clocks differ, but a mistyped year would move
the horizon of the patient's history and hide older events."""

_CONTENT_BYTES = 16
_MILLISECOND = timedelta(milliseconds=1)
log = structlog.get_logger("rxguard")


class Site(Protocol):
    """A row of the site registry, as far as reading needs it."""

    @property
    def id(self) -> str:
        """Return the id that events and envelopes name."""

    @property
    def zone(self) -> str:
        """Return the IANA time zone."""


class Sites(Protocol):
    """The site registry, as far as reading needs it."""

    @property
    def default_site(self) -> Site:
        """Return the site of events that name none."""

    @property
    def sites(self) -> Sequence[Site]:
        """Return every known site."""


class Reader:
    """Reads records with one catalogue, one site registry, one pseudonym key and one registry of formats."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        sites: Sites,
        pseudonym: Callable[[str, str], bytes],
        formats: Registry = FORMATS,
    ) -> None:
        """Take `pseudonym`: returns 16 bytes for the namespace and value of a patient."""
        self._code_product = catalogue.code_product
        self._coder = Coder(catalogue)
        self._default_site = sites.default_site
        self._sites = {site.id: site for site in sites.sites}
        self._pseudonym = pseudonym
        self._formats = formats
        self._no_origin = self._origin("", None)

    def read(self, record: InboundRecord) -> ReadRecord:
        """Return one entry, read or refused, for each entry of the record. Never raises.

        A defect of the reader itself is refused as RECORD_UNREADABLE.
        """
        try:
            return self._read(record)
        # A defect that one record triggers must not end the service: it would fail again at every start and block all
        # later records. Reading does no I/O, so every exception here belongs to this record.
        except Exception as defect:  # noqa: BLE001  # the reason above
            partition, offset = record.position
            log.error(  # noqa: TRY400  # trace and message may quote the record
                "record_unreadable", error=type(defect).__name__, partition=partition, offset=offset
            )
            error = EdgeError("RECORD_UNREADABLE", "", "cannot be read because of a defect of this service")
            return _refused_record(record, error)

    def _read(self, record: InboundRecord) -> ReadRecord:
        try:
            document = self._document(open_envelope(record.value, record.headers, self._formats))
        except EdgeError as error:
            return _refused_record(record, error)
        entries = tuple([self._entry(record, entry) for entry in document.entries])
        return ReadRecord(record=record, entries=entries, ignored=document.ignored)

    def _document(self, envelope: Envelope) -> ReadDocument:
        found = self._formats.by_media_type(envelope.media_type)
        if found is None:
            raise LookupError("an envelope names a media type of no format")
        names_its_own = found.default_source is None
        origin = self._no_origin if names_its_own else self._origin(envelope.source or "", envelope.site_id)
        return found.read(envelope.document, origin)

    def _origin(self, source: str, site_id: str | None) -> Origin:
        """Return the origin that an envelope states. Raises EdgeError UNKNOWN_SITE."""
        zone = self._site(site_id).zone
        return Origin(source=source, site_id=site_id, zone=zone, code_product=self._code_product)

    def _entry(self, record: InboundRecord, entry: DocumentEntry) -> ReadEntry:
        if entry.error:
            return ReadEntry(number=entry.number, kind=entry.kind, error=entry.error)
        try:
            drafts = tuple([self._draft(record, entry.number, event) for event in entry.events])
        except EdgeError as error:
            return ReadEntry(number=entry.number, kind=entry.kind, error=error)
        return ReadEntry(number=entry.number, kind=entry.kind, drafts=drafts)

    def _draft(self, record: InboundRecord, entry: int, event: EdgeEvent) -> Draft:
        _check_recorded_time(record, event)
        site = self._site(event.site_id)
        return Draft(
            key=EventKey(event_key(event.source, event.event_id)),
            revision=event.revision,
            patient=self._patient(event.patient),
            content=_content_hash(event),
            position=record.position,
            entry=entry,
            event=event,
            site_id=site.id,
            zone=site.zone,
            occurred=_occurred(event, site.zone),
            medicine=self._medicine(event),
            merged_from=self._patient(event.from_patient) if isinstance(event, PatientMerged) else None,
        )

    def _medicine(self, event: EdgeEvent) -> CodedMedicine | None:
        medicine = getattr(event, "medicine", None)
        return self._coder.code(medicine) if medicine is not None else None

    def _patient(self, patient: PatientRef) -> Pseudonym:
        return Pseudonym(self._pseudonym(patient.namespace, patient.value))

    def _site(self, site_id: str | None) -> Site:
        site = self._default_site if site_id is None else self._sites.get(site_id)
        if site is None:
            raise EdgeError("UNKNOWN_SITE", "/site_id", "is not in the site registry")
        return site


def _refused_record(record: InboundRecord, error: EdgeError) -> ReadRecord:
    return ReadRecord(record=record, entries=(ReadEntry(number=WHOLE_DOCUMENT, kind=UNKNOWN_KIND, error=error),))


def _check_recorded_time(record: InboundRecord, event: EdgeEvent) -> None:
    """Raise EdgeError RECORDED_IN_FUTURE. Compares milliseconds: a Kafka timestamp may lie beyond the calendar."""
    sent_ms = record.timestamp_ms
    if sent_ms >= 0 and (event.recorded_time - UNIX_EPOCH - MAX_AHEAD) / _MILLISECOND > sent_ms:
        raise EdgeError("RECORDED_IN_FUTURE", "/recorded_time", "lies more than 90 days after the record was sent")


def _occurred(event: EdgeEvent, zone: str) -> Moment:
    when = occurred(event)
    return Moment.instant(when, zone) if isinstance(when, datetime) else Moment.local_date(when, zone)


def _content_hash(event: EdgeEvent) -> bytes:
    return hashlib.blake2b(event.model_dump_json().encode(), digest_size=_CONTENT_BYTES).digest()
