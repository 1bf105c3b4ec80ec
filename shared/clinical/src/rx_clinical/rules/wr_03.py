"""WR-03: short-acting opioid, past the label interval but inside the two-week opioid-free time.

When   a systemic antagonist starts
  and  the opioid is short-acting
  and  hard window <= time since the end < 336 h
Then   major: hold, or a documented clinician decision with a naloxone challenge
Source SEED2 (two weeks from any narcotic), VIV1 (7-10 days)
"""

from rx_clinical.findings import Severity
from rx_clinical.judgement import Judgement, WithdrawalRule
from rx_clinical.texts import hours_text, utc_text


def applies(judged: Judgement) -> bool:
    """The antagonist time lies between the hard window and the end of the two weeks."""
    return judged.short_acting and judged.hard_end <= judged.at < judged.policy_end


def severity(_: Judgement) -> Severity:
    """Major for documented and assumed ends alike."""
    return Severity.MAJOR


def headline(antagonist: str, opioid: str, judged: Judgement) -> str:
    """What meets what, and how far apart."""
    end = "the known supply" if judged.documented else f"the possible supply ({utc_text(judged.end)})"
    return (
        f"{antagonist} starts {hours_text(judged.at - judged.end)} h after the end of {end} of {opioid}: past the "
        f"label interval, but inside the {hours_text(judged.window.policy)} h without any opioid."
    )


RULE = WithdrawalRule(rule_id="WR-03", applies=applies, severity=severity, headline=headline)
