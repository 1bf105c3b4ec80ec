"""LD-03: low-dose naltrexone beside methotrexate.

When   naltrexone of at most 5 mg a day is supplied while systemic methotrexate is active
Then   moderate on the profile: only a patient's comment speaks of it, no study was found
Source SEED1
Needs  supply of naltrexone with the daily dose; supply of methotrexate
Cannot see liver tests; whether the warning is true
Reasons none of its own

Cases
| case                  | severity | display |
|-----------------------|----------|---------|
| both in the same time | moderate | profile |

Timeline
| time             | event                        | finding        |
|------------------|------------------------------|----------------|
| 2026-03-01 09:00 | fill methotrexate, 28 days   |                |
| 2026-03-10 09:00 | fill ntx_ldn 4.5 mg, 30 days | LD-03 moderate |
"""

from functools import partial

from rx_clinical.findings.decisions import Decision, Explanation, Resting
from rx_clinical.history.context import Picture
from rx_clinical.history.exposure_period import Span
from rx_clinical.model.findings import Display, Severity
from rx_clinical.rules.ldn.engine import Intake, intakes, low_dose

RULE = "LD-03"
_GROUP = "methotrexate"


def decide(picture: Picture) -> list[Decision]:
    """One decision a supply."""
    methotrexate = [one for one in picture.partners if picture.catalogue.partners[one.key].group == _GROUP]
    return [
        Decision(
            rule=RULE,
            anchor=intake.event,
            counterpart=taken.key,
            counterpart_key=(taken.key, ""),
            severity=Severity.MODERATE,
            display=Display.PROFILE,
            explain=partial(_explain, intake, span),
        )
        for taken in methotrexate
        for intake in low_dose(intakes(picture))
        if (span := taken.meeting(intake.at, intake.until)) is not None
    ]


def _explain(intake: Intake, span: Span) -> Explanation:
    return Explanation(
        sentences=[
            (
                f"{intake.text} beside methotrexate: a patient reported a warning, no study was found. The prescriber "
                "checks; liver tests."
            )
        ],
        resting=[*intake.resting, *(Resting("interacting", "methotrexate", None, entry) for entry in span.entries)],
        evidence_level="SEED_CLAIM_ONLY",
    )
