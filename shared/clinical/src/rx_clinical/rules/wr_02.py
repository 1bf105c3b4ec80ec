"""WR-02: an antagonist starts inside the hard window after an opioid.

When   a systemic antagonist starts
  and  0 <= time since the documented end < hard window, hard window = max(label interval, 5 x half-life x multiplier)
   or  the antagonist starts before the end of the hard window after an end that is only assumed or possible
Then   contraindicated after a documented end; at most major where an assumption or a short course carries it;
       one step lower, never below moderate, with a negative test or challenge at least 168 h after the last dose
Source VIV1 (label interval), MTD1 (methadone half-life), SEED3
"""

from rx_clinical.findings import Severity
from rx_clinical.judgement import Judgement, WithdrawalRule
from rx_clinical.texts import hours_text, utc_text


def applies(judged: Judgement) -> bool:
    """The antagonist time lies before the end of the hard window."""
    return judged.at < judged.hard_end


def severity(judged: Judgement) -> Severity:
    """An assumed end or a short course never contraindicates; a negative test takes one step, not below moderate."""
    certain = judged.documented and not judged.acute
    if judged.tested:
        return Severity.MAJOR if certain else Severity.MODERATE
    return Severity.CONTRAINDICATED if certain else Severity.MAJOR


def headline(antagonist: str, opioid: str, judged: Judgement) -> str:
    """What meets what, and how far apart."""
    if not judged.documented:
        return f"{antagonist} may meet {opioid}, possible until {utc_text(judged.end)}: precipitated opioid withdrawal."
    return (
        f"{antagonist} starts {hours_text(judged.at - judged.end)} h after the end of the known supply of {opioid}, "
        f"inside the {hours_text(judged.window.hard)} h that must pass: precipitated opioid withdrawal."
    )


RULE = WithdrawalRule(rule_id="WR-02", applies=applies, severity=severity, headline=headline)
