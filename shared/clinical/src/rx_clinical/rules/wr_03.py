"""WR-03: short-acting opioid, past the label interval but inside the two-week opioid-free time.

When   a systemic antagonist starts
  and  the opioid is short-acting
  and  hard window <= time since the end < 336 h
   or  the recorded supply still fires, and a valid attestation without the stock accounted for is past its own window
Then   major (moderate with a negative test or challenge): hold, or a documented clinician decision with a naloxone challenge
Source SEED2 (two weeks from any narcotic), VIV1 (7-10 days)
"""

from rx_clinical.findings import Severity
from rx_clinical.judgement import Judgement, WithdrawalRule
from rx_clinical.texts import hours_text, utc_text


def applies(judged: Judgement) -> bool:
    """Between the hard window and the end of the two weeks; or past an attested dose while the supply goes on."""
    return judged.attested or (judged.short_acting and judged.hard_end <= judged.at < judged.policy_end)


def severity(judged: Judgement) -> Severity:
    """Major for documented and assumed ends alike; a negative test takes one step."""
    return Severity.MODERATE if judged.tested else Severity.MAJOR


def headline(antagonist: str, opioid: str, judged: Judgement) -> str:
    """What meets what, and how far apart."""
    if judged.attested:
        return (
            f"{antagonist} starts {hours_text(judged.at - judged.end)} h after the attested last dose of {opioid}; the "
            "recorded supply says later, and tablets may be left."
        )
    end = "the known supply" if judged.documented else f"the possible supply ({utc_text(judged.end)})"
    return (
        f"{antagonist} starts {hours_text(judged.at - judged.end)} h after the end of {end} of {opioid}: past the "
        f"label interval, but inside the {hours_text(judged.window.policy)} h without any opioid."
    )


RULE = WithdrawalRule(rule_id="WR-03", applies=applies, severity=severity, headline=headline)
