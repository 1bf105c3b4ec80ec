"""Inbound records to drafts of events: envelope, validation, coding, pseudonyms."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.model.facts import Moment, event_key
from rx_contracts.edge.errors import EdgeError
from rx_contracts.edge.event import EVENT_MODELS, EdgeEvent, PatientMerged, PatientRef, occurred, validate_event

from rx_ingest.coding import Coder
from rx_ingest.envelope import Envelope, open_envelope
from rx_ingest.formats.fhir_r4.document import resource_type
from rx_ingest.formats.fhir_r4.mapping import Origin, read_fhir
from rx_ingest.model import (
    WHOLE_DOCUMENT,
    CodedMedicine,
    Draft,
    EventKey,
    InboundRecord,
    Pseudonym,
    ReadEntry,
    ReadRecord,
)

MAX_AHEAD = timedelta(days=90)
"""How far a recorded time may lie ahead of the inbound record: clocks differ, but a date typed wrong would move the
horizon of the patient's history and hide what is older."""

UNKNOWN_KIND = "unknown"
_CONTENT_BYTES = 16
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
log = structlog.get_logger("rxguard")


class Site(Protocol):
    """Where events happen: a row of the site registry."""

    @property
    def id(self) -> str:
        """Id of the site, as events name it."""

    @property
    def zone(self) -> str:
        """IANA time zone."""


class Sites(Protocol):
    """The site registry, as far as reading needs it."""

    @property
    def default_site(self) -> Site:
        """Site of events that name none."""

    @property
    def sites(self) -> Sequence[Site]:
        """Every known site."""


class Reader:
    """Reads records with one catalogue, one site registry and one key of pseudonyms."""

    def __init__(self, *, catalogue: Catalogue, sites: Sites, pseudonym: Callable[[str, str], bytes]) -> None:
        """`pseudonym`: of namespace and value of a patient, 16 bytes."""
        self._code_product = catalogue.code_product
        self._coder = Coder(catalogue)
        self._default_site = sites.default_site
        self._sites = {site.id: site for site in sites.sites}
        self._pseudonym = pseudonym

    def read(self, record: InboundRecord) -> ReadRecord:
        """What the record says. Whatever is wrong with it becomes the error of an entry; nothing is raised.

        A defect of ours that one record brings to light (RECORD_UNREADABLE) sets that record aside: raised, it would
        end the service at every start, and no other record would be read.
        """
        try:
            return self._read(record)
        except Exception as defect:  # noqa: BLE001  # the reason above; reading does no I/O, so all of it is the record's
            partition, offset = record.position
            log.error(  # noqa: TRY400  # the trace and the message may quote the record
                "record_unreadable", error=type(defect).__name__, partition=partition, offset=offset
            )
            error = EdgeError("RECORD_UNREADABLE", "", "cannot be read because of a defect of this service")
            return ReadRecord(record=record, entries=(_refused(WHOLE_DOCUMENT, UNKNOWN_KIND, error),))

    def _read(self, record: InboundRecord) -> ReadRecord:
        try:
            envelope = open_envelope(record.value, record.headers)
            if envelope.is_fhir:
                return self._fhir(record, envelope)
        except EdgeError as error:
            return ReadRecord(record=record, entries=(_refused(WHOLE_DOCUMENT, UNKNOWN_KIND, error),))
        return ReadRecord(record=record, entries=(self._event(record, envelope.document),))

    def _event(self, record: InboundRecord, document: object) -> ReadEntry:
        kind = _kind(document)
        try:
            return ReadEntry(number=0, kind=kind, drafts=(self._draft(record, 0, validate_event(document)),))
        except EdgeError as error:
            return _refused(0, kind, error)

    def _fhir(self, record: InboundRecord, envelope: Envelope) -> ReadRecord:
        site = self._site(envelope.site_id)
        origin = Origin(source=envelope.source, site_id=envelope.site_id, zone=site.zone)
        kind = resource_type(envelope.document)
        try:
            found = read_fhir(envelope.document, origin, self._code_product)
        except EdgeError as error:
            number = WHOLE_DOCUMENT if kind == "Bundle" else 0
            return ReadRecord(record=record, entries=(_refused(number, kind, error),))
        entries = tuple(
            self._entry(record, entry.number, entry.kind, entry.events, entry.error) for entry in found.entries
        )
        return ReadRecord(record=record, entries=entries, ignored=found.ignored)

    def _entry(
        self, record: InboundRecord, number: int, kind: str, events: tuple[EdgeEvent, ...], error: EdgeError | None
    ) -> ReadEntry:
        if error:
            return _refused(number, kind, error)
        try:
            drafts = tuple(self._draft(record, number, event) for event in events)
        except EdgeError as refused:
            return _refused(number, kind, refused)
        return ReadEntry(number=number, kind=kind, drafts=drafts)

    def _draft(self, record: InboundRecord, entry: int, event: EdgeEvent) -> Draft:
        if (
            record.timestamp_ms >= 0
            and _milliseconds(event.recorded_time - _UNIX_EPOCH - MAX_AHEAD) > record.timestamp_ms
        ):
            raise EdgeError("RECORDED_IN_FUTURE", "/recorded_time", "lies more than 90 days after the record was sent")
        site = self._site(event.site_id)
        when = occurred(event)
        return Draft(
            key=EventKey(event_key(event.source, event.event_id)),
            revision=event.revision,
            patient=self._patient(event.patient),
            content=_content(event),
            position=record.position,
            entry=entry,
            event=event,
            site_id=site.id,
            zone=site.zone,
            occurred=Moment.instant(when, site.zone)
            if isinstance(when, datetime)
            else Moment.local_date(when, site.zone),
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


def _refused(number: int, kind: str, error: EdgeError) -> ReadEntry:
    return ReadEntry(number=number, kind=kind, error=error)


def _kind(document: object) -> str:
    kind = document.get("type") if isinstance(document, dict) else None
    return kind if isinstance(kind, str) and kind in EVENT_MODELS else UNKNOWN_KIND


def _content(event: EdgeEvent) -> bytes:
    return hashlib.blake2b(event.model_dump_json().encode(), digest_size=_CONTENT_BYTES).digest()


def _milliseconds(span: timedelta) -> float:
    """For comparing with a timestamp of Kafka, which may lie beyond the calendar."""
    return span / timedelta(milliseconds=1)
