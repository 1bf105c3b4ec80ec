"""HN-02: an opioid product that holds sequestered naltrexone (Embeda, Troxyca).

When   such a product is ordered, filled, given or reported
Then   contraindicated and interruptive if its directions or a report mention crush, chew, dissolve, tube, snort,
       inhale or inject (and do not forbid it): that releases the naltrexone
   or  moderate, in the worklist, if another opioid is active
   or  info on the profile: swallow whole
Source EMB1 (crushed Embeda), SEED4 (inhaled)
Needs  the product code, its text and its directions; other opioids with their supply
Cannot see what the patient does with the capsule; directions given by word of mouth
Reasons SEQUESTERED_RELEASED, HIDDEN_ANTAGONIST, UNFILLED_PRESCRIPTION

Cases
| case                                              | severity        | display      |
|---------------------------------------------------|-----------------|--------------|
| directions or report would release the naltrexone | contraindicated | interruptive |
| another opioid is active, and nothing releases it | moderate        | queue        |
| alone and swallowed whole                         | info            | profile      |

Timeline
| time             | event                                                    | finding        |
|------------------|----------------------------------------------------------|----------------|
| 2026-03-01 09:00 | fill product 863849, text "Embeda 20 mg/0.8 mg", 30 days | HN-02 info     |
| 2026-03-10 09:00 | fill oxycodone_ir, 5 days                                | HN-02 moderate |

Timeline: a feeding tube
| time | event | finding |
| --- | --- | --- |
| 2026-03-01 09:00 | fill product 863849, directions "open and give by feeding tube", 30 days | HN-02 contraindicated |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.reason_codes import hides_antagonist
from rx_clinical.findings.wording import RESTRICTED, RESTRICTED_KEY, hidden_from
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.history.washout_window import acts_for
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import Prescription
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.interactions.overlaps import meet
from rx_clinical.rules.rule import Family, Rule


def rate(*, released: bool, beside_opioid: bool) -> tuple[Severity, Display]:
    """Rate by the directions and by what else is taken."""
    if released:
        return Severity.CONTRAINDICATED, Display.INTERRUPTIVE
    return (Severity.MODERATE, Display.QUEUE) if beside_opioid else (Severity.INFO, Display.PROFILE)


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per event of such a product."""
    return [
        _decision(context, period.entries[-1], period)
        for exposure in context.opioids
        for period in exposure.every_period()
        if period.entries[-1].roles.sequestered and exposure.opioid in period.entries[-1].roles.opioids
    ]


def _decision(context: RuleContext, entry: Entry, period: ExposurePeriod) -> Decision:
    released = context.catalogue.names.releases(f"{entry.medicine.text} {entry.medicine.directions}")
    other = _another_opioid(context, period)
    severity, display = rate(released=released, beside_opioid=other is not None)
    return Decision(
        rule=RULE.id,
        anchor=Event(entry, entry.begin),
        severity=severity,
        display=display,
        explain=partial(_explain, context, entry, released, other),
    )


def _another_opioid(context: RuleContext, period: ExposurePeriod) -> ExposurePeriod | None:
    """Return the first supply of another opioid product that is active together with this one."""
    others = [
        other
        for exposure in context.opioids
        for other in exposure.every_period()
        if not other.entries[-1].roles.sequestered and meet(period, other, acts_for(exposure, context.catalogue))
    ]
    return min(others, key=lambda other: (other.newest_begin.earliest, other.entries[-1].fact.key), default=None)


def _explain(context: RuleContext, entry: Entry, released: bool, other: ExposurePeriod | None) -> Explanation:  # noqa: FBT001  # bound by partial
    name = entry.medicine.text or "the product"
    sentences = [f"{name} holds naltrexone that stays locked in only while the capsule is swallowed whole."]
    if released:
        sentences.append("The directions or report would release it: precipitated opioid withdrawal.")
    beside = [] if other is None else [_opioid_item(Event(entry, entry.begin), other)]
    sentences.extend(
        f"Another opioid is active ({other.name}): a damaged capsule would block both." for other in beside
    )
    reasons = {
        Reason.SEQUESTERED_RELEASED: released,
        Reason.HIDDEN_ANTAGONIST: hides_antagonist(entry, context.catalogue.names),
        Reason.UNFILLED_PRESCRIPTION: isinstance(entry.fact, Prescription),
    }
    return Explanation(
        reasons={reason for reason, holds in reasons.items() if holds},
        sentences=sentences,
        basis=[
            BasisItem(BasisRole.ANTAGONIST, name, entry.medicine.form_key, entry),
            *beside,
        ],
        evidence_level=EvidenceLevel.CASE_REPORT,
    )


def _opioid_item(event: Event, other: ExposurePeriod) -> BasisItem:
    """Return the other opioid as the site of the event may read it."""
    newest = other.entries[-1]
    if hidden_from(event, other):
        return BasisItem(BasisRole.OPIOID, RESTRICTED, RESTRICTED_KEY, newest, masked=True)
    return BasisItem(BasisRole.OPIOID, newest.medicine.text or "another product", newest.medicine.form_key, newest)


RULE = Rule("HN-02", Family.HIDDEN, needs=(FactBits.SEQUESTERED,), decide=decide)
