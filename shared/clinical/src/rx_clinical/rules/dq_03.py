"""DQ-03: unknown product code whose text names an opioid or an antagonist.

When   the product code of a medicine is unknown, or one of its ingredients, or its form where it has no other code
  and  its text contains the name of an opioid or an antagonist
Then   major, interruptive: it cannot be cleared. Any other unknown product is NOT_ASSESSED and one work item, no alert
Source POLICY
"""

from functools import partial

from rx_clinical.chart import Entry
from rx_clinical.decisions import Decision, Explanation, Resting
from rx_clinical.findings import Display, Severity
from rx_clinical.picture import Picture
from rx_clinical.reasons import Reason
from rx_clinical.spans import Event

RULE = "DQ-03"


def decide(picture: Picture) -> list[Decision]:
    """One decision an uncoded event that names an opioid or an antagonist."""
    named = picture.catalogue.names_opioid_or_antagonist
    return [
        Decision(
            rule=RULE,
            anchor=Event(entry, entry.fact.occurred),
            severity=Severity.MAJOR,
            display=Display.INTERRUPTIVE,
            active_from=entry.fact.occurred.earliest,
            explain=partial(_explain, entry),
        )
        for entry in picture.chart.uncoded
        if named(entry.medicine.text)
    ]


def _explain(entry: Entry) -> Explanation:
    name = entry.medicine.text
    return Explanation(
        reasons={Reason.UNKNOWN_PRODUCT},
        sentences=[
            f"{name}: the product code is unknown and the text names an opioid or an antagonist.",
            "It is not assessed: nothing about it is cleared.",
        ],
        resting=[Resting("deficient", name, None, entry)],
        evidence_level="POLICY",
    )
