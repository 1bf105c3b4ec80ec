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

from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.history.context import Picture
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.interactions.engine import Pair, decide_pairs, effect_pairs, explain_pair, opioid_of

RULE = "IN-01"
_MAJOR_WITH = frozenset({"methadone", "buprenorphine"})


def induces(picture: Picture, pair: Pair) -> bool:
    """Long enough to induce: a 5-day course of ritonavir is not."""
    short = picture.catalogue.short_courses.get(pair.taken.interaction.interacting)
    if short is None or pair.course.opioid.ingredient not in short:
        return True
    spans = pair.taken.history.spans()
    if any(span.possible_end == FOREVER for span in spans):
        return True
    total = sum((span.possible_end - span.begin.earliest for span in spans), timedelta(0))
    return total > picture.catalogue.policy.inducer_short_course


def started_at(picture: Picture, pair: Pair) -> datetime:
    """When the course of the inducer began that the pair belongs to: nothing of it in the 28 days before."""
    first = pair.taken.span.begin.earliest
    for span in sorted(pair.taken.history.spans(), key=lambda span: span.begin.earliest, reverse=True):
        if span.begin.earliest < first and later(span.possible_end, picture.catalogue.policy.inducer_new) > first:
            first = span.begin.earliest
    return first


def rate(picture: Picture, pair: Pair) -> tuple[Severity, Display]:
    """Loud only while the inducer is new."""
    if pair.begins_at - started_at(picture, pair) > picture.catalogue.policy.inducer_new:
        return Severity.INFO, Display.PROFILE
    major = pair.taken.interaction.victim_name in _MAJOR_WITH
    return (Severity.MAJOR if major else Severity.MODERATE), Display.INTERRUPTIVE


def decide(picture: Picture) -> list[Decision]:
    """One decision an anchor and counterpart."""
    pairs = (pair for pair in effect_pairs(picture, RULE) if induces(picture, pair))
    return decide_pairs(picture, RULE, pairs, partial(rate, picture), partial(_explain, picture))


def _explain(picture: Picture, pair: Pair) -> Explanation:
    row = pair.taken.interaction
    told = row.measured_effect and not pair.shown(picture).opioid.masked
    measured = f" ({row.measured_effect})" if told else ""
    sentences = [
        (
            f"{row.name} speeds the elimination of {opioid_of(picture, pair)}{measured}: its level falls within "
            "one to two weeks, and withdrawal may follow without any antagonist."
        ),
        "It never shortens the time that an antagonist must wait; stopping it raises the opioid level again.",
    ]
    return explain_pair(picture, pair, sentences, {Reason.INDUCER_OWN_WITHDRAWAL})
