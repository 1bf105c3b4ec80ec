"""FHIR R4 for the conformance suite: Bundles of medication resources, broken ones, and resources of other types."""

import json
from collections import Counter
from importlib import resources
from typing import Any, TypeAlias

from hypothesis import strategies as st
from rx_ingest.formats.fhir_r4.format import FHIR_R4

from tests.lib.ingest_formats.conformance import ODD_VALUES, FormatCase, Generated, encoded, examples, places, replaced

_FOLDER = resources.files("rx_ingest.formats.fhir_r4").joinpath("examples")
_VALID = examples(_FOLDER.joinpath("valid"))
_RESOURCES = [json.loads(example.raw) for example in _VALID if example.name.startswith("medication_")]
_OTHERS = ["Observation", "Patient", "Medication", "MedicationStatement"]


@st.composite
def _medication_resources(draw: st.DrawFn) -> object:
    resource = draw(st.sampled_from(_RESOURCES))
    if draw(st.booleans()):
        below = [path for path in places(resource) if path and path[0] != "resourceType"]
        resource = replaced(resource, draw(st.sampled_from(below)), draw(st.sampled_from(ODD_VALUES)))
    return {**resource, "subject": {"reference": "Patient/elsewhere"}, "contained": resource.get("contained") or []}


_Resources: TypeAlias = "st.SearchStrategy[Any]"
_OTHER_RESOURCES: _Resources = st.sampled_from(_OTHERS).map(lambda kind: {"resourceType": kind, "id": "unreferenced"})
_NO_RESOURCES: _Resources = st.sampled_from([None, 7, [], {}, {"resourceType": 7}, {"resourceType": "not a type"}])


@st.composite
def _documents(draw: st.DrawFn) -> Generated:
    parts: list[tuple[str, Any]] = draw(
        st.lists(
            st.tuples(st.just("read"), _medication_resources() | _NO_RESOURCES)
            | st.tuples(st.just("ignored"), _OTHER_RESOURCES),
            max_size=6,
        )
    )
    bundle = {"resourceType": "Bundle", "entry": [{"resource": resource} for _, resource in parts]}
    return Generated(
        encoded(bundle),
        entries=tuple(number for number, (outcome, _) in enumerate(parts) if outcome == "read"),
        ignored=Counter(resource["resourceType"] for outcome, resource in parts if outcome == "ignored"),
    )


CASE = FormatCase(format=FHIR_R4, valid=_VALID, invalid=examples(_FOLDER.joinpath("invalid")), documents=_documents())
