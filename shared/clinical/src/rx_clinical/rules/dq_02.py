"""DQ-02: naltrexone dose or route missing.

When   an event of naltrexone, depots apart, states no daily dose
   or  neither its route nor its form tells how it is taken; an absent route of a coded form is not missing
Then   moderate, queue: the dose is treated as standard, the route as systemic
Source POLICY
"""

from rx_clinical.catalogue import Catalogue
from rx_clinical.chart import Entry
from rx_clinical.compose import Draft, Resting, finding
from rx_clinical.drugs import BY_DOSE
from rx_clinical.findings import Display, Finding, Severity
from rx_clinical.picture import Picture
from rx_clinical.reasons import Reason
from rx_clinical.spans import Event

RULE = "DQ-02"


def missing(entry: Entry, catalogue: Catalogue) -> list[str]:
    """What is missing: dose, route, both or nothing."""
    antagonist = entry.roles.antagonist
    if antagonist is None or antagonist.tier != BY_DOSE or (entry.filled or entry.injected):
        return []
    form_known = catalogue.roles_reader.form_known(entry.medicine)
    lacks = {
        "daily dose": entry.medicine.daily_dose_mg is None,
        "route": entry.medicine.route is None and not form_known,
    }
    return [name for name, lacking in lacks.items() if lacking]


def findings(picture: Picture) -> list[Finding]:
    """One finding an event."""
    return [
        _finding(entry, lacks, picture) for entry in picture.entries() if (lacks := missing(entry, picture.catalogue))
    ]


def _finding(entry: Entry, lacks: list[str], picture: Picture) -> Finding:
    name = entry.medicine.text or "naltrexone"
    draft = Draft(
        rule=RULE,
        anchor=Event(entry, entry.fact.occurred),
        severity=Severity.MODERATE,
        display=Display.QUEUE,
        reasons=frozenset({Reason.DOSE_UNKNOWN} if "daily dose" in lacks else ()),
        active_from=entry.fact.occurred.earliest,
        start=None,
        ends_at=None,
        sentences=[
            f"{name}: {' and '.join(lacks)} missing.",
            "A missing dose is treated as a standard dose, a missing route as systemic.",
        ],
        actions=[],
        resting=[Resting("deficient", name, entry.medicine.form_key, entry)],
        evidence_level="POLICY",
    )
    return finding(draft, picture.catalogue)
