"""DQ-03: unknown product code whose text names an opioid or an antagonist.

When   the product code of a medicine is unknown, or one of its ingredients, or its form where it has no other code
  and  its text contains the name of an opioid or an antagonist
Then   major, interruptive: it cannot be cleared. Any other unknown product is NOT_ASSESSED and one work item, no alert
Source POLICY
"""

from rx_clinical.chart import Entry
from rx_clinical.compose import Draft, Resting, finding
from rx_clinical.findings import Display, Finding, Severity
from rx_clinical.picture import Picture
from rx_clinical.reasons import Reason
from rx_clinical.spans import Event

RULE = "DQ-03"


def findings(picture: Picture) -> list[Finding]:
    """One finding an uncoded event that names an opioid or an antagonist."""
    named = picture.catalogue.names_opioid_or_antagonist
    return [_finding(entry, picture) for entry in picture.uncoded if named(entry.medicine.text)]


def _finding(entry: Entry, picture: Picture) -> Finding:
    name = entry.medicine.text
    draft = Draft(
        rule=RULE,
        anchor=Event(entry, entry.fact.occurred),
        severity=Severity.MAJOR,
        display=Display.INTERRUPTIVE,
        reasons=frozenset({Reason.UNKNOWN_PRODUCT}),
        active_from=entry.fact.occurred.earliest,
        start=None,
        ends_at=None,
        sentences=[
            f"{name}: the product code is unknown and the text names an opioid or an antagonist.",
            "It is not assessed: nothing about it is cleared.",
        ],
        actions=[],
        resting=[Resting("deficient", name, None, entry)],
        evidence_level="POLICY",
    )
    return finding(draft, picture.catalogue)
