"""The resources of one FHIR document, and how references between them resolve."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rx_contracts.edge.errors import EdgeError

from rx_ingest.formats.fhir_r4.resources import Reference

Json = Mapping[str, Any]
BUNDLE = "Bundle"

_TYPE = re.compile(r"[A-Za-z]{1,64}", re.ASCII)
_RELATIVE = re.compile(r"(?:.*/)?([A-Za-z]{1,64}/[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?", re.ASCII)


def resource_type(resource: object) -> str:
    """Return the resourceType of a JSON value, 1 to 64 letters. Raises EdgeError FHIR_TYPE_MISSING."""
    found = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(found, str) or not _TYPE.fullmatch(found):
        raise EdgeError("FHIR_TYPE_MISSING", "/resourceType", "names the type of the resource")
    return found


class Document:
    """A single resource or the entries of a Bundle; notes which entries were referred to."""

    def __init__(self, document: Json) -> None:
        """Index the entries. Raises EdgeError WRONG_TYPE for a Bundle whose entries are no list."""
        self.is_bundle = resource_type(document) == BUNDLE
        entries = document.get("entry", []) if self.is_bundle else [{"resource": document}]
        if not isinstance(entries, list):
            raise EdgeError("WRONG_TYPE", "/entry", "is a list")
        self._entries = entries
        self._by_address: dict[str, int] = {}
        self.referred: set[int] = set()
        for number, entry in enumerate(entries):
            if isinstance(entry, dict):
                self._index(number, entry)

    def _index(self, number: int, entry: Json) -> None:
        if isinstance(address := entry.get("fullUrl"), str):
            self._by_address.setdefault(address, number)
        resource = entry.get("resource")
        if isinstance(resource, dict) and isinstance(resource.get("id"), str):
            self._by_address.setdefault(f"{resource.get('resourceType')}/{resource['id']}", number)

    def resources(self) -> Iterator[tuple[int, str, object]]:
        """Yield number, JSON pointer and resource of each entry; the resource is None if the entry has none."""
        for number, entry in enumerate(self._entries):
            pointer = f"/entry/{number}/resource" if self.is_bundle else ""
            yield number, pointer, entry.get("resource") if isinstance(entry, dict) else None

    def resolve(self, reference: Reference, contained: tuple[Json, ...] = ()) -> Json | None:
        """Return the resource that a reference names: contained, by fullUrl, or by type and id. None if absent."""
        address = reference.reference or ""
        if address.startswith("#"):
            return next((resource for resource in contained if resource.get("id") == address[1:]), None)
        number = self._by_address.get(address)
        if number is None:
            number = self._by_address.get(relative_address(address))
        if number is None:
            return None
        self.referred.add(number)
        resource = self._entries[number].get("resource")
        return resource if isinstance(resource, dict) else None


def relative_address(address: str) -> str:
    """Return `Type/id` of a relative or absolute address without its version, empty if it is neither."""
    match = _RELATIVE.fullmatch(address)
    return match[1] if match else ""
