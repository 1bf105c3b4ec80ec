"""WR-06: more than 0.25 mg and less than 1 mg of naltrexone a day beside an opioid that has no confirm path.

When   as WR-05, and the daily naltrexone is above 0.25 mg
  and  the opioid is long-acting, a depot, a partial or mixed agonist, kratom, or lengthened by an interacting medicine
Then   contraindicated; major where an assumption alone carries it. No confirmation changes it
Source UL4 (0.125-0.25 mg beside methadone, inpatient, is the only range tested), SEED3
Needs  orders, fills, hand-overs and doses given of the antagonist, with form and daily dose; the same of opioids,
       with form, days supply and time; interacting medicines with route, begin and supply
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; liver and kidney disease, which lengthen half-lives
Reasons uldn, window, supply, evidence, antagonist, HEPATIC_RENAL, HISTORY_SHORT; except ULDN_CLINICIAN_CONFIRM,
       ULDN_CONFIRMED, CONFIRMATION_VOID, ACTIVE_OVERLAP, ACUTE_COURSE, OPIOID_FREE_EVIDENCE, SEQUESTERED_RELEASED

Cases
| case                                                                         | severity        | display      |
|------------------------------------------------------------------------------|-----------------|--------------|
| recorded supply on both sides                                                | contraindicated | interruptive |
| an order without a fill, or an assumed end alone                             | major           | interruptive |
| at most 0.25 mg a day, or a short-acting full agonist that nothing lengthens | none            | WR-05        |

Timeline
| time | event | finding |
| --- | --- | --- |
| 2026-03-01 09:00 | fill methadone_oral, 30 days |  |
| 2026-03-10 09:00 | fill ntx_uldn 0.5 mg, 30 days | WR-06 contraindicated, not before 2026-04-14 09:00 |
| 2026-03-10 10:00 | confirm prescriber 0.5 mg beside methadone_oral |  |
| 2026-03-10 11:00 | confirm pharmacist 0.5 mg beside methadone_oral |  |

Timeline: an order without a fill, possible for 180 days
| time             | event                         | finding                                  |
|------------------|-------------------------------|------------------------------------------|
| 2026-03-01 09:00 | order bup_sl, 30 days         |                                          |
| 2026-03-10 09:00 | fill ntx_uldn 0.5 mg, 30 days | WR-06 major, not before 2026-09-11 09:00 |
"""

from collections.abc import Sequence
from functools import partial

from rx_clinical.catalogue.drug_forms import Acting
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.wording import counterpart_shown, hold_text, start_text, zone_of
from rx_clinical.history.context import RuleContext
from rx_clinical.history.washout_window import WashoutWindow
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER
from rx_clinical.rules.rule import Family, Rule
from rx_clinical.rules.withdrawal.ultra_low_dose import UltraLowDoseConflict, explain_conflict, ultra_low_conflicts

_NO_PATH = frozenset({"partial_agonist", "mixed_agonist_antagonist"})


def applies(conflict: UltraLowDoseConflict, policy: Policy) -> bool:
    """Return True if there is no confirm path for this dose beside this opioid."""
    dose_mg, form = conflict.start.dose.total_mg, conflict.exposure.opioid.form
    if dose_mg is None or dose_mg <= policy.trial_dose:
        return False
    return form.acting is not Acting.SHORT or form.drug_class in _NO_PATH or conflict.extended


def severity(*, documented: bool) -> Severity:
    """Contraindicate by recorded supply; rate at most major where an assumption alone carries it."""
    return Severity.CONTRAINDICATED if documented else Severity.MAJOR


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per ultra-low dose and opioid form that has no confirm path."""
    return [
        Decision(
            rule=RULE.id,
            anchor=conflict.start.event,
            counterpart=counterpart_shown(conflict.start.event, conflict.windows[0]),
            counterpart_key=conflict.exposure.opioid.key,
            severity=severity(documented=conflict.documented),
            display=Display.INTERRUPTIVE,
            start=conflict.latest.start,
            ends_at=conflict.latest.start,
            explain=partial(_explain, context, conflict),
        )
        for conflict in ultra_low_conflicts(context)
        if applies(conflict, context.catalogue.policy)
    ]


def _explain(context: RuleContext, conflict: UltraLowDoseConflict) -> Explanation:
    event, latest = conflict.start.event, conflict.latest

    def path(shown: Sequence[WashoutWindow]) -> list[str]:
        return [start_text(latest.start, shown, zone_of(event.time, event.entry.fact.occurred))]

    endless = {Reason.ONGOING_NO_END} if latest.start == FOREVER else set()
    return explain_conflict(
        context,
        conflict,
        path=path,
        reasons={Reason.ULDN_ABOVE_0_25_LONG_HALF_LIFE, *endless},
        actions=[hold_text(event.urgency)],
        latest=latest,
    )


RULE = Rule(
    "WR-06",
    Family.WITHDRAWAL,
    needs=(FactBits.ANTAGONIST, FactBits.OPIOID),
    decide=decide,
    pairing=ultra_low_conflicts,
)
