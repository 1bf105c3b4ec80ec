"""`rxguard backtest`: recorded events under two versions of the tables, and what that changes for patients.

Findings are compared by their id. A difference in words alone is told apart: it changes what people read, not when a
medicine may start.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rx_clinical.model.findings import Severity
from rx_contracts.wire.finding_messages import finding_document
from rx_runtime.sites import SiteRegistry

from rxguard.client.delivery import Progress, silent
from rxguard.recordings.reading import Recording, assess_all, load_rules, read_file, refusals_to_json, uncoded_to_json

SIDES: Final = ("a", "b")

_WORDS: Final = frozenset({"text", "recommended_actions", "assumptions"})
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")

Document = dict[str, Any]
Found = Mapping[str, Document]
"""FINDING documents with the key `patient`, by finding id."""


def backtest(
    file: str,
    folders: tuple[str, str],
    *,
    sites: SiteRegistry,
    now_ms: int,
    source: str | None = None,
    site: str | None = None,
    progress: Progress = silent,
) -> Document:
    """Return the document of `rxguard backtest --json`.

    Raises InvalidInput RULES_UNREADABLE or FILE_UNREADABLE.
    """
    catalogues = [load_rules(folder) for folder in folders]
    recordings = read_file(file, catalogues, sites=sites, now_ms=now_ms, source=source, site=site, progress=progress)
    patients: set[str] = set()
    found: list[Found] = []
    rules: list[Document] = []
    for side, folder, recording in zip(SIDES, folders, recordings, strict=True):
        findings, names, unread = _assessed(recording, sites, f"assess {side.upper()}", progress)
        patients |= names
        found.append(findings)
        rules.append(_rules_to_json(folder, recording, findings, unread))
    a, b = recordings
    return {
        "format": 1,
        "file": file,
        "rules": rules,
        "patients": len(patients),
        "events": len(a.versions() | b.versions()),
        "repeated": max(a.repeated, b.repeated),
        "ignored_resources": dict(sorted((a.ignored | b.ignored).items())),
        "dead_letters": refusals_to_json(dict(zip(SIDES, recordings, strict=True))),
        **compare(*found),
    }


def _assessed(
    recording: Recording, sites: SiteRegistry, doing: str, progress: Progress
) -> tuple[Found, set[str], set[str]]:
    """Return findings, patients and kinds of facts that were not read."""
    findings: dict[str, Document] = {}
    names: set[str] = set()
    unread: set[str] = set()
    for name, assessment in assess_all(recording, sites=sites, doing=doing, progress=progress):
        names.add(name.hex())
        unread.update(assessment.unread)
        for finding in assessment.findings:
            findings[finding.finding_id.hex()] = finding_document(finding) | {"patient": name.hex()}
    return findings, names, unread


def _rules_to_json(folder: str, recording: Recording, findings: Found, unread: Iterable[str]) -> Document:
    return {
        "folder": folder,
        "ruleset_version": recording.catalogue.ruleset_version,
        "ruleset_seq": recording.catalogue.ruleset_seq,
        "findings": len(findings),
        "facts_not_read": sorted(unread),
        "uncoded_products": uncoded_to_json(recording),
    }


def compare(a: Found, b: Found) -> Document:
    """Return the findings gained, lost and changed from A to B, with their sums."""
    gained = _sorted(b[key] for key in b.keys() - a.keys())
    lost = _sorted(a[key] for key in a.keys() - b.keys())
    differing = _sorted(b[key] for key in a.keys() & b.keys() if a[key] != b[key])
    changed = [_changed(a[finding["finding_id"]], finding) for finding in differing]
    return {
        "gained": gained,
        "lost": lost,
        "changed": changed,
        "summary": {
            "gained": len(gained),
            "lost": len(lost),
            "changed": len(changed),
            "changed_in_words_only": sum(change["words_only"] for change in changed),
            "unchanged": len(a.keys() & b.keys()) - len(changed),
            "by_rule": _by_rule({"gained": gained, "lost": lost, "changed": changed}),
        },
    }


def _sorted(findings: Iterable[Document]) -> list[Document]:
    """Worst first, as everywhere."""
    return sorted(
        findings, key=lambda one: (Severity(one["severity"]).rank, one["rule"], one["patient"], one["finding_id"])
    )


def _changed(a: Document, b: Document) -> Document:
    fields = [
        {"field": name, "a": a[name], "b": b[name], "words_only": words_only(name, a[name], b[name])}
        for name in b
        if a[name] != b[name]
    ]
    return {
        "finding_id": b["finding_id"],
        "patient": b["patient"],
        "rule": b["rule"],
        "severity": b["severity"],
        "words_only": all(field["words_only"] for field in fields),
        "fields": fields,
    }


def words_only(field: str, a: Any, b: Any) -> bool:  # noqa: ANN401  # values of a JSON document
    """Two unequal values of a field differ in words that people read, and every number in them is the same."""
    if field == "arithmetic":
        return _without_text(a) == _without_text(b) and all(
            _numbers(left["text"]) == _numbers(other["text"]) for left, other in zip(a, b, strict=True)
        )
    return field in _WORDS and _numbers(a) == _numbers(b)


def _without_text(lines: Sequence[Document]) -> list[Document]:
    return [{key: value for key, value in line.items() if key != "text"} for line in lines]


def _numbers(texts: str | Sequence[str]) -> list[str]:
    return _NUMBER.findall(texts if isinstance(texts, str) else "\n".join(texts))


def _by_rule(differences: Mapping[str, Sequence[Document]]) -> dict[str, dict[str, int]]:
    counts: Mapping[str, Counter[str]] = {
        name: Counter(finding["rule"] for finding in found) for name, found in differences.items()
    }
    rules = sorted({rule for counted in counts.values() for rule in counted})
    return {rule: {name: counted[rule] for name, counted in counts.items()} for rule in rules}
