"""The edge event for the conformance suite: one entry a document, whatever the document holds."""

import json
from importlib import resources

from hypothesis import strategies as st
from rx_ingest.formats.rxguard_json.format import RXGUARD_JSON

from tests.lib.ingest_formats.conformance import ODD_VALUES, FormatCase, Generated, encoded, examples, places, replaced

_VALID = examples(resources.files("rx_contracts.examples.edge"))


@st.composite
def _documents(draw: st.DrawFn) -> Generated:
    event = json.loads(draw(st.sampled_from(_VALID)).raw)
    if draw(st.booleans()):
        event = replaced(event, draw(st.sampled_from(list(places(event)))), draw(st.sampled_from(ODD_VALUES)))
    if isinstance(event, dict) and "resourceType" in event:
        event = {}
    return Generated(encoded(event), entries=(0,))


CASE = FormatCase(
    format=RXGUARD_JSON,
    valid=_VALID,
    invalid=examples(resources.files("rx_contracts.examples.edge_invalid")),
    documents=_documents(),
)
