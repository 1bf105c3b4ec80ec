"""`rxguard explain`: the findings in a file of recorded events, and one of them whole with everything it rests on.

A finding has the same id here as in an installation; a patient is named as in a backtest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from rx_clinical import Catalogue, Finding
from rx_clinical import explain as explained
from rx_contracts.wire.finding_messages import finding_document
from rx_runtime.sites import SiteRegistry

from rxguard.client.delivery import Progress, silent
from rxguard.recordings.reading import Recording, assess_all, load_rules, read_file, refusals_to_json, uncoded_to_json

Document = dict[str, Any]


class Found(NamedTuple):
    """A finding, and whose it is: the name of offline.py in hex."""

    patient: str
    finding: Finding

    def to_json(self) -> Document:
        """Return the FINDING document with the key `patient`."""
        return finding_document(self.finding) | {"patient": self.patient}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """The patients of a file, assessed by one version of the tables."""

    head: Document
    """What both documents begin with: the file, the tables, and what was not assessed."""
    catalogue: Catalogue
    found: Sequence[Found]
    """Worst first."""

    def beginning_with(self, prefix: str) -> list[Found]:
        """Return the findings whose id in hex begins with `prefix`."""
        return [found for found in self.found if found.finding.finding_id.hex().startswith(prefix)]

    def listing(self) -> Document:
        """Return the document of `rxguard explain --json` without `--finding`."""
        return self.head | {"findings": [found.to_json() for found in self.found]}

    def whole(self, one: Found) -> Document:
        """Return the document of `rxguard explain --finding --json`."""
        finding = {"finding": finding_document(one.finding)}
        return self.head | {"patient": one.patient} | finding | explained(one.finding, self.catalogue).to_json()


def explain(
    file: str,
    rules: str,
    *,
    sites: SiteRegistry,
    now_ms: int,
    patient: str = "",
    source: str | None = None,
    site: str | None = None,
    progress: Progress = silent,
) -> Assessed:
    """Assess every patient of the file whose name in hex begins with `patient`.

    Raises InvalidInput RULES_UNREADABLE or FILE_UNREADABLE.
    """
    catalogue = load_rules(rules)
    (recording,) = read_file(file, [catalogue], sites=sites, now_ms=now_ms, source=source, site=site, progress=progress)
    patients = 0
    found: list[Found] = []
    unread: set[str] = set()
    for name, assessment in assess_all(recording, sites=sites, progress=progress):
        if name.hex().startswith(patient):
            patients += 1
            found += [Found(name.hex(), finding) for finding in assessment.findings]
            unread.update(assessment.unread)
    return Assessed(
        head=_head(file, rules, recording) | {"patients": patients, "facts_not_read": sorted(unread)},
        catalogue=catalogue,
        found=sorted(found, key=lambda one: (one.finding.severity.rank, one.finding.rule, one.patient)),
    )


def _head(file: str, rules: str, recording: Recording) -> Document:
    return {
        "format": 1,
        "file": file,
        "rules": rules,
        "ruleset_version": recording.catalogue.ruleset_version,
        "ruleset_seq": recording.catalogue.ruleset_seq,
        "events": len(recording.versions()),
        "uncoded_products": uncoded_to_json(recording),
        "dead_letters": [
            {key: value for key, value in letter.items() if key != "rules"}  # there is one version of the tables
            for letter in refusals_to_json({rules: recording})
        ],
    }
