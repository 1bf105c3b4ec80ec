"""FHIR R4 as an input format."""

from typing import Any, Final

from rx_contracts.edge.errors import EdgeError

from rx_ingest.formats.fhir_r4.document import BUNDLE, resource_type
from rx_ingest.formats.fhir_r4.mapping import read_fhir
from rx_ingest.formats.protocol import DocumentEntry, Origin, ReadDocument, Syntax
from rx_ingest.model import WHOLE_DOCUMENT


class FhirR4:
    """See rx_ingest.formats.protocol.Format. FHIR states neither source nor site: the envelope or the defaults do."""

    media_types = ("application/fhir+json",)
    cloud_event_type = "pharmacy.fhir-r4.v1"
    default_source = "fhir"
    syntax = Syntax.JSON

    def sniff(self, document: Any) -> bool:  # noqa: ANN401  # a JSON value
        """Return True for an object with a `resourceType`, whatever that names."""
        return isinstance(document, dict) and "resourceType" in document

    def check_parameters(self, parameters: str) -> None:
        """Raise EdgeError FHIR_VERSION_NOT_SUPPORTED for a `fhirVersion` other than 4."""
        if "fhirversion=" in parameters and "fhirversion=4." not in parameters:
            raise EdgeError("FHIR_VERSION_NOT_SUPPORTED", "", "only FHIR R4 (fhirVersion=4.0) is read")

    def read(self, document: Any, origin: Origin) -> ReadDocument:  # noqa: ANN401  # a JSON value
        """Return one entry for each medication resource. Raises EdgeError FHIR_TYPE_MISSING."""
        kind = resource_type(document)
        try:
            return read_fhir(document, origin)
        except EdgeError as error:
            number = WHOLE_DOCUMENT if kind == BUNDLE else 0
            return ReadDocument(entries=(DocumentEntry(number=number, kind=kind, error=error),))


FHIR_R4: Final = FhirR4()
