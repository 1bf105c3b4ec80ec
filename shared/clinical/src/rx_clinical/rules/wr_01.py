"""WR-01: an antagonist starts while a recorded opioid supply is active.

When   a systemic antagonist or depot is written, filled, handed over or given
  and  a recorded opioid exposure begun before it has not reached its documented end, or has no end
Then   contraindicated: do not dispense or administer; start only after the whole window from the possible end
Source VIV1, NTX4 (opioid-free before naltrexone), SEED0, SEED1, SEED4
"""

from rx_clinical.findings import Severity
from rx_clinical.judgement import Judgement, WithdrawalRule
from rx_clinical.texts import utc_text
from rx_clinical.windows import FOREVER


def applies(judged: Judgement) -> bool:
    """The antagonist time lies before the documented end."""
    return judged.documented and judged.at < judged.end


def severity(_: Judgement) -> Severity:
    """Always contraindicated: an assumed end is never judged here."""
    return Severity.CONTRAINDICATED


def headline(antagonist: str, opioid: str, judged: Judgement) -> str:
    """What meets what."""
    until = "without a recorded end" if judged.end == FOREVER else f"until {utc_text(judged.end)}"
    return f"{antagonist} meets {opioid}, supplied {until}: precipitated opioid withdrawal."


RULE = WithdrawalRule(rule_id="WR-01", applies=applies, severity=severity, headline=headline)
