"""SX-01: a procedure with opioids before an antagonist has been held long enough.

When   a procedure is planned for which opioids are expected
  and  a systemic antagonist or depot was begun before it
  and  it lies sooner after the last dose than the hold: oral 96 h, at most 5 mg a day 72 h, samidorphan 120 h,
       depot 720 h
Then   major, in the worklist: tell anaesthesia, hold the doses; ends when the hold ends
Source SPAQI, ANZ (the longer ones); low-dose POLICY
Needs  planned procedures with their time, and whether opioids are expected; supply and injections of the antagonist
Cannot see procedures that nobody records; when the last dose was really taken
Reasons HOLD_BEFORE_SURGERY, supply

Cases
| case                                                                     | severity | display |
|--------------------------------------------------------------------------|----------|---------|
| sooner than the hold after the end of the supply, or after the injection | major    | queue   |
| at the end of the hold or later                                          | none     | -       |

Timeline
| time             | event                                           | finding                             |
|------------------|-------------------------------------------------|-------------------------------------|
| 2026-03-01 09:00 | fill ntx_oral 50 mg, 30 days                    |                                     |
| 2026-03-20 09:00 | procedure at 2026-04-02 08:00, opioids expected | SX-01 major, until 2026-04-04 09:00 |
| 2026-03-20 10:00 | procedure at 2026-04-04 09:00, opioids expected |                                     |
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.reason_codes import antagonist_reasons
from rx_clinical.findings.render import antagonist_basis
from rx_clinical.findings.wording import hours_text, product_text, utc_text
from rx_clinical.history.antagonist_exposure import AntagonistExposure, DailyDose, antagonist_begin, daily_dose
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import Moment, Procedure
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per antagonist form and procedure, anchored at the newest antagonist event before."""
    return [
        decision
        for procedure in context.chart.procedures
        if procedure.opioid_expected
        for exposure in context.antagonists
        if (decision := _decision(context, procedure, exposure)) is not None
    ]


def _decision(context: RuleContext, procedure: Procedure, exposure: AntagonistExposure) -> Decision | None:
    at = procedure.planned
    begun = exposure.periods_begun_by(Moment(earliest=at.latest, latest=at.latest))  # some time of that day
    if not begun:
        return None
    period = max(begun, key=lambda one: (one.possible_end, antagonist_begin(one).earliest))
    dose = daily_dose(context.antagonists, exposure, at, period.entries[-1], context.catalogue)
    hold_ends = later(period.possible_end, dose.tier.hold)
    if at.earliest >= hold_ends:
        return None
    anchor = Event(period.entries[-1], antagonist_begin(period))
    return Decision(
        rule=RULE.id,
        anchor=anchor,
        counterpart=procedure.event_id,
        counterpart_key=("procedure", procedure.key.hex()),
        severity=Severity.MAJOR,
        display=Display.QUEUE,
        ends_at=hold_ends,
        explain=partial(_explain, context, Hold(exposure, period, dose, procedure, hold_ends)),
    )


@dataclass(slots=True, eq=False)
class Hold:
    """A course that must be held before a procedure."""

    exposure: AntagonistExposure
    period: ExposurePeriod
    dose: DailyDose
    procedure: Procedure
    ends_at: datetime


def _explain(context: RuleContext, hold: Hold) -> Explanation:
    exposure, period, dose, procedure, hold_ends = hold.exposure, hold.period, hold.dose, hold.procedure, hold.ends_at
    antagonist = product_text(exposure.antagonist.name, period.entries[-1].medicine, dose.total_mg)
    until = "it has no recorded end" if hold_ends == FOREVER else f"the hold ends {utc_text(hold_ends)}"
    return Explanation(
        reasons={
            Reason.HOLD_BEFORE_SURGERY,
            *period.reasons,
            *antagonist_reasons(exposure.antagonist, period.entries[-1], dose.parts, context.catalogue.names),
        },
        sentences=[
            (
                f"A procedure with opioids is planned for {utc_text(procedure.planned.earliest)}, and {antagonist} "
                f"must be held for {hours_text(dose.tier.hold)} h before it: {until}."
            ),
            (
                "Opioids would work poorly or in a way nobody can foretell. Tell anaesthesia, hold doses, plan "
                "without opioids."
            ),
            "Restart only after the whole window from the last opioid.",
        ],
        basis=[
            *antagonist_basis(exposure.antagonist, [*period.entries, *dose.parts]),
            BasisItem(BasisRole.PATIENT, "procedure", None, Entry(procedure)),
        ],
        sources=dose.tier.sources,
        evidence_level=EvidenceLevel.REFERENCE_LIST,
    )


RULE = Rule("SX-01", Family.SURGERY, needs=(FactBits.PROCEDURE, FactBits.ANTAGONIST), decide=decide)
