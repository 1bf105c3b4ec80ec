"""DQ-05: a fact that came too late to be assessed.

When   a fact about a medicine, or a positive test, was recorded more than 400 days after the end of its effect: the end
       of its supply and the longest window, tail or carry-over that could follow; of a chain of fills, of the chain
Then   info, in the worklist: a person looks at it; it is never dropped in silence
Source POLICY
Needs  the recorded time of each fact, and the end of its effect
Cannot see why it came so late
Reasons LATE_BEYOND_HORIZON

Cases
| case                                                    | severity | display |
|---------------------------------------------------------|----------|---------|
| recorded more than 400 days after the end of its effect | info     | queue   |

Timeline
| time             | event                                                | finding    |
|------------------|------------------------------------------------------|------------|
| 2026-03-01 09:00 | fill oxycodone_ir, 5 days, recorded 2027-04-24 09:00 |            |
| 2026-03-01 10:00 | fill codeine, 5 days, recorded 2027-04-24 10:01      | DQ-05 info |
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.wording import days_text, utc_text
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.effect_ends import effect_ends
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import later
from rx_clinical.rules.rule import Family, Rule


def late(context: RuleContext) -> Iterator[tuple[Entry, datetime]]:
    """Yield each entry that was recorded too late, with the end of its effect."""
    for entry, end in effect_ends(context.chart, context.catalogue):
        if entry.fact.recorded_at > later(end, context.catalogue.policy.late_beyond):
            yield entry, end


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per late fact."""
    return [
        Decision(
            rule=RULE.id,
            anchor=Event(entry, entry.fact.occurred),
            severity=Severity.INFO,
            display=Display.QUEUE,
            explain=partial(_explain, context, entry, end),
        )
        for entry, end in late(context)
    ]


def _explain(context: RuleContext, entry: Entry, end: datetime) -> Explanation:
    name = entry.medicine.text or "the medicine"
    days = days_text(context.catalogue.policy.late_beyond)
    return Explanation(
        reasons={Reason.LATE_BEYOND_HORIZON},
        sentences=[
            (
                f"{name} was recorded at {utc_text(entry.fact.recorded_at)}, more than {days} days after its effect "
                f"ended ({utc_text(end)}): it was not assessed. Look at it."
            ),
        ],
        basis=[BasisItem(BasisRole.DEFICIENT, name, entry.medicine.form_key, entry)],
        evidence_level=EvidenceLevel.POLICY,
    )


RULE = Rule("DQ-05", Family.DATA_QUALITY, needs=(FactBits.LATE,), decide=decide)
