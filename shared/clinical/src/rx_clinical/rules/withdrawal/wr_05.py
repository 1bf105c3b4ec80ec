"""WR-05: naltrexone below 1 mg a day beside an opioid, on purpose or not: the confirm path.

When   the daily naltrexone of all products is below 1 mg
  and  a systemic opioid is inside its window at that time, or begins inside the supply or the 24 h after it
  and  WR-06 does not apply
Then   major until a named prescriber and then a named pharmacist have confirmed this dose beside these opioids;
       moderate while that holds: for 90 days, for the same naltrexone dose, the same opioid forms, each opioid dose
       up to +25 %
Source SEED0, SEED2 (practice), UL1, UL2 (trials in micrograms), UL3
Needs  orders, fills, hand-overs and doses given of the antagonist, with form and daily dose; the same of opioids,
       with form, days supply and time; the daily dose of both; confirmations by prescriber and pharmacist
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; what the two who confirm have agreed with the patient; how the capsule was labelled
Reasons uldn, window, supply, evidence, antagonist, HEPATIC_RENAL, HISTORY_SHORT; except
       ULDN_ABOVE_0_25_LONG_HALF_LIFE, TWO_WEEK_WASHOUT, ACTIVE_OVERLAP, ACUTE_COURSE, OPIOID_FREE_EVIDENCE,
       SEQUESTERED_RELEASED

Cases
| case | severity | display |
| --- | --- | --- |
| at most 0.25 mg a day beside any opioid, or below 1 mg beside a short-acting full agonist | major | interruptive |
| the same while the confirmations of both hold | moderate | interruptive |
| above 0.25 mg beside any other opioid, or a lengthened one | none | WR-06 |

Timeline
| time             | event                                               | finding        |
|------------------|-----------------------------------------------------|----------------|
| 2026-03-01 09:00 | fill oxycodone_ir 20 mg, 30 days                    |                |
| 2026-03-05 09:00 | order ntx_uldn 0.5 mg, 30 days                      | WR-05 major    |
| 2026-03-05 10:00 | confirm prescriber 0.5 mg beside oxycodone_ir 20 mg |                |
| 2026-03-05 11:00 | confirm pharmacist 0.5 mg beside oxycodone_ir 20 mg | WR-05 moderate |
| 2026-03-20 09:00 | fill oxycodone_ir 30 mg, 30 days                    | WR-05 major    |
"""

from collections.abc import Sequence
from functools import partial

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.wording import counterpart_shown, days_text
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.washout_window import WashoutWindow
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.rule import Family, Rule
from rx_clinical.rules.withdrawal import wr_06
from rx_clinical.rules.withdrawal.confirmations import Confirmed, State
from rx_clinical.rules.withdrawal.ultra_low_dose import UltraLowDoseConflict, explain_conflict, ultra_low_conflicts


def severity(state: State) -> Severity:
    """Rate moderate while both halves of the confirmation hold, else major."""
    return Severity.MODERATE if state is State.CONFIRMED else Severity.MAJOR


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per ultra-low dose and opioid form that has a confirm path."""
    return [
        Decision(
            rule=RULE.id,
            anchor=conflict.start.event,
            counterpart=counterpart_shown(conflict.start.event, conflict.windows[0]),
            counterpart_key=conflict.exposure.opioid.key,
            severity=severity(conflict.confirmed.state),
            display=Display.INTERRUPTIVE,
            concurrent=True,
            requires_confirmation=conflict.confirmed.state is not State.CONFIRMED,
            explain=partial(_explain, context, conflict),
        )
        for conflict in ultra_low_conflicts(context)
        if not wr_06.applies(conflict, context.catalogue.policy)
    ]


def _explain(context: RuleContext, conflict: UltraLowDoseConflict) -> Explanation:
    confirmed = conflict.confirmed

    def path(_: Sequence[WashoutWindow]) -> list[str]:
        return _path_text(confirmed, context.catalogue.policy)

    return explain_conflict(
        context,
        conflict,
        path=path,
        reasons=_path_reasons(confirmed),
        without={Reason.TWO_WEEK_WASHOUT},  # it sets an earliest start, and there is none
        basis=[
            BasisItem(BasisRole.EVIDENCE, "confirmation", None, Entry(confirmation)) for confirmation in confirmed.valid
        ],
    )


def _path_reasons(confirmed: Confirmed) -> set[Reason]:
    if confirmed.state is State.CONFIRMED:
        return {Reason.ULDN_CONFIRMED}
    return {Reason.ULDN_CLINICIAN_CONFIRM, *({Reason.CONFIRMATION_VOID} if confirmed.void else ())}


def _path_text(confirmed: Confirmed, policy: Policy) -> list[str]:
    """Say how far the confirmation has come, and why an earlier one does not hold."""
    valid, monitored = days_text(policy.confirmation_valid), days_text(policy.confirmation_monitoring)
    state_text = {
        State.HELD: "Held: the prescriber and the pharmacist must both confirm, each reading the dose back in words.",
        State.BY_PRESCRIBER: "The prescriber has confirmed; the pharmacist has not yet.",
        State.CONFIRMED: (
            f"Prescriber and pharmacist have confirmed: valid for {valid} days, for this dose beside these opioids. "
            f"Monitor for {monitored} days."
        ),
    }[confirmed.state]
    void = [f"An earlier confirmation does not hold: {why}." for why in confirmed.void]
    return [state_text, *(void if confirmed.state is not State.CONFIRMED else [])]


RULE = Rule(
    "WR-05",
    Family.WITHDRAWAL,
    needs=(FactBits.ANTAGONIST, FactBits.OPIOID),
    decide=decide,
    pairing=ultra_low_conflicts,
)
