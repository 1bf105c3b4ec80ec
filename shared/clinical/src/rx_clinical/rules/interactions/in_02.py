"""IN-02: an inducer stopped on stable methadone: the level rises again.

When   an inducer of methadone was stopped: a stop is on record, or its documented supply ended before the newest record
  and  methadone was begun at least 14 days before that end, and is active at some time in the 14 days after it
Then   moderate, in the worklist: watch sedation
Source MTD6
Needs  supply of the inducer and its stop; supply of methadone
Cannot see whether the inducer goes on from another supply
Reasons UNFILLED_PRESCRIPTION, RESTRICTED_SOURCE

Cases
| case                                           | severity | display |
|------------------------------------------------|----------|---------|
| the inducer ended and stable methadone goes on | moderate | queue   |
| the inducer is resumed within 14 days          | none     | -       |

Timeline
| time             | event                        | finding         |
|------------------|------------------------------|-----------------|
| 2026-01-01 09:00 | fill methadone_oral, 90 days |                 |
| 2026-01-20 09:00 | fill rifampin, 30 days       |                 |
| 2026-02-20 09:00 | PDMP review                  | IN-02 moderate  |
| 2026-02-25 09:00 | fill rifampin, 30 days       | IN-02 withdrawn |
"""

from datetime import datetime
from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.wording import utc_text
from rx_clinical.history.context import RuleContext
from rx_clinical.model.facts import Report
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.interactions.engine import (
    InteractionOverlap,
    decide_pairs,
    effect_pairs,
    explain_pair,
    opioid_of,
)
from rx_clinical.rules.interactions.in_01 import RULE as INDUCER
from rx_clinical.rules.interactions.in_01 import induces
from rx_clinical.rules.rule import Family, Rule

_OBJECT = "methadone"


def stopped_at(context: RuleContext, pair: InteractionOverlap) -> datetime | None:
    """Return when the inducer ended by the records; None while it may continue."""
    period = pair.taken.period
    entry = period.entries[-1]
    recorded = bool(entry.stops) or (not isinstance(entry.fact, Report) and entry.ended_at is not None)
    end = period.documented_end
    if end is None or end == FOREVER:
        return None
    newest = context.chart.newest_recorded_at
    return end if recorded or (newest is not None and end < newest) else None


def applies(context: RuleContext, pair: InteractionOverlap) -> bool:
    """Return True if the inducer ended and stable methadone continues."""
    end = stopped_at(context, pair)
    if end is None or pair.taken.interaction.object_name != _OBJECT:
        return False
    policy = context.catalogue.policy
    resumed = any(
        period.begin.earliest <= later(end, policy.inducer_stopped) and period.possible_end > end
        for period in pair.taken.exposure.periods()
        if period is not pair.taken.period
    )
    stable = pair.period.begin.earliest <= later(end, -policy.inducer_stable)
    return stable and not resumed and pair.period.possible_end >= end


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per anchor and counterpart."""
    pairs = (pair for pair in effect_pairs(context, INDUCER.id) if induces(context, pair) and applies(context, pair))
    return decide_pairs(
        context, RULE.id, pairs, lambda _: (Severity.MODERATE, Display.QUEUE), partial(_explain, context)
    )


def _explain(context: RuleContext, pair: InteractionOverlap) -> Explanation:
    end = stopped_at(context, pair)
    sentences = [
        (
            f"{pair.taken.interaction.name} ended at {utc_text(end) if end else 'an unknown time'} while "
            f"{opioid_of(context, pair)} goes on: its level rises again over the following weeks. Watch sedation "
            "and breathing."
        ),
    ]
    return explain_pair(context, pair, sentences, ())


RULE = Rule("IN-02", Family.INTERACTIONS, needs=(FactBits.INDUCING, FactBits.OPIOID), decide=decide)
