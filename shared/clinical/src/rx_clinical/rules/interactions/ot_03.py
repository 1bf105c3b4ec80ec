"""OT-03: alvimopan after more than a week of an opioid.

When   alvimopan is ordered, filled, given, or reported as begun (ongoing without a start: at some time in the 30 days
       before the report)
  and  recorded opioid supply, over all opioids, runs for more than 7 consecutive days (gaps of up to 24 h join; an
       injected depot lasts for its half-lives) and reaches to within 24 h before it
Then   contraindicated: the gut has become more sensitive
Source ALV1
Needs  orders, fills and doses of alvimopan; recorded supply of opioids
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; opioids given in hospital before
Reasons supply, OPIOID_EVIDENCE_POSITIVE

Cases
| case                                            | severity        | display      |
|-------------------------------------------------|-----------------|--------------|
| more than 7 consecutive days of opioid up to it | contraindicated | interruptive |
| 7 days or fewer                                 | none            | OT-02        |

Timeline
| time             | event                      | finding               |
|------------------|----------------------------|-----------------------|
| 2026-03-01 09:00 | fill oxycodone_ir, 10 days |                       |
| 2026-03-10 09:00 | give alvimopan, inpatient  | OT-03 contraindicated |

Timeline: seven days
| time             | event                     | finding |
|------------------|---------------------------|---------|
| 2026-03-01 09:00 | fill oxycodone_ir, 7 days |         |
| 2026-03-08 09:00 | give alvimopan, inpatient |         |
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.render import opioid_basis
from rx_clinical.findings.wording import days_text, opioid_text, shown_to
from rx_clinical.history.co_medication import CoMedicationExposure
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event, ExposurePeriod, begin_unknown
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.washout_window import acts_for, certain_end, window_after
from rx_clinical.model.codes import EvidenceLevel, FormKey
from rx_clinical.model.facts import Report
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.washout import BEGINNING_OF_TIME, later
from rx_clinical.rules.interactions.overlaps import ABOUT_ENDS
from rx_clinical.rules.rule import Family, Rule

_FORM = FormKey("alvimopan")
_Taken = tuple[OpioidExposure, ExposurePeriod, datetime]


def applies(context: RuleContext, peripheral: CoMedicationExposure[FormKey], period: ExposurePeriod) -> bool:
    """Return True for alvimopan after more than a week of opioid up to it."""
    return peripheral.key == _FORM and bool(_exposures_before(context, period))


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per alvimopan event and opioid form in that week."""
    return [
        _decision(context, period, exposure, opioid_periods)
        for peripheral in context.peripherals
        if peripheral.key == _FORM
        for period in (*peripheral.supply.periods, *peripheral.others)
        for exposure, opioid_periods in _exposures_before(context, period).items()
    ]


def _exposures_before(context: RuleContext, period: ExposurePeriod) -> dict[OpioidExposure, list[ExposurePeriod]]:
    """Return the exposures of the consecutive days before an alvimopan event, by opioid; empty if too few."""
    taken = [
        (exposure, opioid_period, end)
        for exposure in context.opioids
        for opioid_period in exposure.periods()
        if (end := certain_end(opioid_period, acts_for(exposure, context.catalogue))) is not None
    ]
    runs = (_run(taken, at, context.catalogue.policy) for at in _begun(period, [end for _, _, end in taken]))
    return next(filter(None, runs), {})


def _begun(period: ExposurePeriod, ends: list[datetime]) -> list[datetime]:
    """Return when alvimopan was begun; if only the day range is known, each moment in it that could matter."""
    fact = period.entries[-1].fact
    if not isinstance(fact, Report):
        return [period.entries[-1].begin.earliest]
    if not begin_unknown(fact):
        return [period.begin.earliest]
    latest = fact.occurred.latest
    return [latest, *sorted((end for end in ends if period.begin.earliest <= end < latest), reverse=True)]


def _run(taken: Iterable[_Taken], at: datetime, policy: Policy) -> dict[OpioidExposure, list[ExposurePeriod]]:
    """Return what was taken on consecutive days up to a moment, by form, the last first."""
    back_to, last = at, BEGINNING_OF_TIME
    joined: dict[OpioidExposure, list[ExposurePeriod]] = {}
    for exposure, opioid_period, end in sorted(taken, key=lambda one: one[2], reverse=True):
        if opioid_period.begin.earliest <= at and later(min(end, at), policy.therapeutic_gap) >= back_to:
            joined.setdefault(exposure, []).append(opioid_period)
            last = max(last, end)
            back_to = min(back_to, opioid_period.begin.earliest)
    return joined if later(back_to, policy.therapeutic_days) < min(at, last) else {}


def _decision(
    context: RuleContext, period: ExposurePeriod, exposure: OpioidExposure, opioid_periods: list[ExposurePeriod]
) -> Decision:
    anchor = Event(period.entries[-1], period.entries[-1].begin)
    shown = shown_to(anchor, [window_after(exposure, opioid_periods[0], context.catalogue)])[0]
    return Decision(
        rule=RULE.id,
        anchor=anchor,
        counterpart=shown.opioid.form.form_key,
        counterpart_key=exposure.opioid.key,
        severity=Severity.CONTRAINDICATED,
        display=Display.INTERRUPTIVE,
        explain=partial(_explain, context, anchor, exposure, opioid_periods),
    )


def _explain(
    context: RuleContext, anchor: Event, exposure: OpioidExposure, opioid_periods: list[ExposurePeriod]
) -> Explanation:
    shown = shown_to(anchor, [window_after(exposure, opioid_periods[0], context.catalogue)])[0]
    days = days_text(context.catalogue.policy.therapeutic_days)
    return Explanation(
        reasons={reason for opioid_period in opioid_periods for reason in exposure.reasons_of(opioid_period)}
        - ABOUT_ENDS,
        sentences=[
            (
                f"Alvimopan after more than {days} consecutive days of {opioid_text(shown)}: the gut has become more "
                "sensitive."
            ),
            "Do not give it; call the prescriber.",
        ],
        basis=[
            BasisItem(BasisRole.ANTAGONIST, "alvimopan", _FORM, anchor.entry),
            *(basis for opioid_period in opioid_periods for basis in opioid_basis(shown.opioid, opioid_period)),
        ],
        evidence_level=EvidenceLevel.LABEL,
    )


RULE = Rule("OT-03", Family.INTERACTIONS, needs=(FactBits.PERIPHERAL, FactBits.OPIOID), decide=decide)
