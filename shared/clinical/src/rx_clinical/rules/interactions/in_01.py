"""IN-01: an inducer started with an opioid: withdrawal without any antagonist.

When   an inducer and methadone or buprenorphine (or oxycodone) are active together, by a row of perpetrators.csv
  and  a ritonavir supply of at most 7 days in all is no inducer
Then   with methadone or buprenorphine major, with another opioid moderate, interruptive, if the inducer is new: the
       pair begins within 28 days of its first fill, which follows 28 days without it (unknown history counts as
       new); else info on the profile. It never shortens a window
Source MTD5, MTD6 (rifampin: withdrawal in 21 of 30), WV
Needs  orders, fills and reports of inducers with supply; exposures to the opioid; from when on history is known
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; inducers taken without a record (St John's wort)
Reasons INDUCER_OWN_WITHDRAWAL, UNFILLED_PRESCRIPTION, RESTRICTED_SOURCE

Cases
| case                                             | severity | display      |
|--------------------------------------------------|----------|--------------|
| a new inducer with methadone or buprenorphine    | major    | interruptive |
| a new inducer with another opioid                | moderate | interruptive |
| an inducer that is not new: chronic, or refilled | info     | profile      |
| ritonavir for at most 7 days                     | none     | -            |

Timeline
| time             | event                        | finding        |
|------------------|------------------------------|----------------|
| 2026-01-01 09:00 | fill methadone_oral, 60 days |                |
| 2026-01-20 09:00 | fill ritonavir, 5 days       |                |
| 2026-02-10 09:00 | fill rifampin, 30 days       | IN-01 major    |
| 2026-02-12 09:00 | fill oxycodone_ir, 5 days    | IN-01 moderate |
| 2026-03-12 09:00 | fill rifampin, 30 days       |                |

Timeline: a chronic inducer
| time             | event                        | finding    |
|------------------|------------------------------|------------|
| 2026-01-01 09:00 | fill carbamazepine, 90 days  |            |
| 2026-03-01 09:00 | fill methadone_oral, 30 days | IN-01 info |
"""

from datetime import datetime, timedelta
from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.history.context import RuleContext
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.interactions.engine import (
    InteractionOverlap,
    decide_pairs,
    effect_pairs,
    explain_pair,
    opioid_of,
)
from rx_clinical.rules.rule import Family, Rule

_MAJOR_WITH = frozenset({"methadone", "buprenorphine"})


def induces(context: RuleContext, pair: InteractionOverlap) -> bool:
    """Return True if it is taken long enough to induce: a 5-day course of ritonavir is not."""
    short = context.catalogue.short_courses.get(pair.taken.interaction.precipitant_code)
    if short is None or pair.exposure.opioid.ingredient not in short:
        return True
    periods = pair.taken.exposure.periods()
    if any(period.possible_end == FOREVER for period in periods):
        return True
    total = sum((period.possible_end - period.begin.earliest for period in periods), timedelta(0))
    return total > context.catalogue.policy.inducer_short_course


def started_at(context: RuleContext, pair: InteractionOverlap) -> datetime:
    """Return when the inducer's course began that the pair belongs to: none of it in the 28 days before."""
    first = pair.taken.period.begin.earliest
    for period in sorted(pair.taken.exposure.periods(), key=lambda period: period.begin.earliest, reverse=True):
        if period.begin.earliest < first and later(period.possible_end, context.catalogue.policy.inducer_new) > first:
            first = period.begin.earliest
    return first


def rate(context: RuleContext, pair: InteractionOverlap) -> tuple[Severity, Display]:
    """Interrupt only while the inducer is new."""
    if pair.begins_at - started_at(context, pair) > context.catalogue.policy.inducer_new:
        return Severity.INFO, Display.PROFILE
    major = pair.taken.interaction.object_name in _MAJOR_WITH
    return (Severity.MAJOR if major else Severity.MODERATE), Display.INTERRUPTIVE


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per anchor and counterpart."""
    pairs = (pair for pair in effect_pairs(context, RULE.id) if induces(context, pair))
    return decide_pairs(context, RULE.id, pairs, partial(rate, context), partial(_explain, context))


def _explain(context: RuleContext, pair: InteractionOverlap) -> Explanation:
    row = pair.taken.interaction
    shows_effect = row.measured_effect and not pair.shown(context).opioid.masked
    measured = f" ({row.measured_effect})" if shows_effect else ""
    sentences = [
        (
            f"{row.name} speeds the elimination of {opioid_of(context, pair)}{measured}: its level falls within "
            "one to two weeks, and withdrawal may follow without any antagonist."
        ),
        "It never shortens the time that an antagonist must wait; stopping it raises the opioid level again.",
    ]
    return explain_pair(context, pair, sentences, {Reason.INDUCER_OWN_WITHDRAWAL})


RULE = Rule("IN-01", Family.INTERACTIONS, needs=(FactBits.INDUCING, FactBits.OPIOID), decide=decide)
