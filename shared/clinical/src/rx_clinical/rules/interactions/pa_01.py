"""PA-01: buprenorphine started while a full agonist is still inside.

When   buprenorphine under the tongue is filled or given, with none in the 60 days before (an order is no dose yet)
  and  less than 24 h have passed since the last methadone or other long-acting full agonist, 12 h since a
       short-acting one
Then   moderate, in the worklist, never a hold: earliest start by the clock is the last dose + 24 h / 12 h, and only
       with objective signs of withdrawal
Source BUP5 (label 4 h at least), POLICY
Needs  fills and doses of sublingual buprenorphine; supply of full agonists with form and time
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; signs of withdrawal; a planned low-dose induction
Reasons PARTIAL_ON_FULL_AGONIST, supply, OPIOID_EVIDENCE_POSITIVE, LAST_DOSE_ATTESTED

Cases
| case                                                                           | severity | display |
|--------------------------------------------------------------------------------|----------|---------|
| less than 24 h after a long-acting full agonist, 12 h after a short-acting one | moderate | queue   |
| buprenorphine in the 60 days before                                            | none     | -       |

Timeline
| time             | event                       | finding                                     |
|------------------|-----------------------------|---------------------------------------------|
| 2026-03-01 09:00 | fill methadone_oral, 7 days |                                             |
| 2026-03-09 08:00 | fill bup_sl, 7 days         | PA-01 moderate, not before 2026-03-09 09:00 |
| 2026-03-16 08:00 | fill bup_sl, 7 days         |                                             |

Timeline: twelve hours after a short-acting opioid
| time             | event                     | finding |
|------------------|---------------------------|---------|
| 2026-03-01 09:00 | fill oxycodone_ir, 3 days |         |
| 2026-03-04 21:00 | order bup_sl, 7 days      |         |
"""

from datetime import datetime, timedelta
from functools import partial

from rx_clinical.catalogue.drug_forms import Acting
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.render import opioid_basis
from rx_clinical.findings.wording import hours_text, opioid_text, shown_to, utc_text
from rx_clinical.history.antagonist_exposure import antagonist_time
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.washout_window import window_after
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import Administration, Fill, Prescription, Report
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.rule import Family, Rule

_FORM = "bup_sl"
_FULL = "full_agonist"


def waits(acting: Acting, policy: Policy) -> timedelta:
    """Return how long buprenorphine waits after the last dose."""
    return policy.partial_after_short if acting is Acting.SHORT else policy.partial_after_long


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per first buprenorphine event and full agonist."""
    decisions: list[Decision] = []
    for started in context.opioids:
        if started.opioid.form.form_key == _FORM:
            for begun in started.events():
                event = Event(begun.entry, antagonist_time(begun.entry, begun.time))
                if isinstance(event.entry.fact, (Fill, Administration)) and _is_first(started, event, context):
                    decisions.extend(_of_event(context, started, event))
    return decisions


def _is_first(started: OpioidExposure, event: Event, context: RuleContext) -> bool:
    """Return True without a fill, dose or report of it in the 60 days before, or a report of ongoing use."""
    since = later(event.time.earliest, -context.catalogue.policy.partial_new)
    for period in started.every_period():
        fact, begin = period.entries[-1].fact, period.newest_begin.earliest
        if isinstance(fact, Prescription) or period.entries[-1] is event.entry or begin >= event.time.earliest:
            continue
        if begin >= since or (isinstance(fact, Report) and period.possible_end > event.time.earliest):
            return False
    return True


def _of_event(context: RuleContext, started: OpioidExposure, event: Event) -> list[Decision]:
    conflicts: list[tuple[OpioidExposure, ExposurePeriod, datetime]] = []
    for exposure in context.opioids:
        if exposure.opioid.form.drug_class != _FULL or not exposure.opioid.form.systemic_opioid:
            continue
        periods = [
            (later(period.possible_end, waits(exposure.opioid.form.acting, context.catalogue.policy)), period)
            for period in context.seen_at(exposure, event.time)
        ]
        inside = [(until, period) for until, period in periods if event.time.earliest < until]
        if inside:
            until, period = max(inside, key=lambda one: one[0])
            conflicts.append((exposure, period, until))
    start = max((until for _, _, until in conflicts), default=None)
    return [
        Decision(
            rule=RULE.id,
            anchor=event,
            counterpart=shown_to(event, [window_after(exposure, period, context.catalogue)])[0].opioid.form.form_key,
            counterpart_key=exposure.opioid.key,
            severity=Severity.MODERATE,
            display=Display.QUEUE,
            start=start,
            explain=partial(_explain, context, started, event, (exposure, period, until)),
        )
        for exposure, period, until in conflicts
    ]


def _explain(
    context: RuleContext,
    started: OpioidExposure,
    event: Event,
    conflict: tuple[OpioidExposure, ExposurePeriod, datetime],
) -> Explanation:
    exposure, period, until = conflict
    shown = shown_to(event, [window_after(exposure, period, context.catalogue)])[0]
    waiting = hours_text(waits(exposure.opioid.form.acting, context.catalogue.policy))
    clock = (
        "there is no recorded end"
        if until == FOREVER
        else f"{utc_text(period.possible_end)} + {waiting} h = not before {utc_text(until)} by the clock"
    )
    own = [period for period in started.every_period() if period.entries[-1] is event.entry]
    return Explanation(
        reasons={Reason.PARTIAL_ON_FULL_AGONIST, *exposure.reasons_of(period)},
        sentences=[
            f"Buprenorphine is started while {opioid_text(shown)} may still act: it displaces the full agonist.",
            f"First dose: {clock}, and only with objective signs of withdrawal.",
            (
                "This is never a hold: delaying the treatment of opioid use disorder kills too, and a low-dose "
                "induction is legitimate."
            ),
        ],
        basis=[
            *(item for own_period in own[:1] for item in opioid_basis(started.opioid, own_period)),
            *opioid_basis(shown.opioid, period),
        ],
        evidence_level=EvidenceLevel.POLICY,
    )


RULE = Rule("PA-01", Family.INTERACTIONS, needs=(FactBits.PARTIAL, FactBits.FULL), decide=decide)
