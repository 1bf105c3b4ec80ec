"""BL-03: an opioid after an antagonist that is gone: tolerance is still reduced.

When   an opioid begins up to 30 days after the end of BL-02
  and  the antagonist was a depot, samidorphan or naltrexone above 5 mg a day
Then   moderate: treat as opioid-naive, offer naloxone
Source VIV2, LYB1 (less opioid than before may now be fatal)
"""

from rx_clinical.blocks import Block
from rx_clinical.findings import Severity

RULE = "BL-03"


def applies(block: Block) -> bool:
    """The opioid begins while tolerance is reduced."""
    return block.at < block.tolerance_until


def severity(_: Block) -> Severity:
    """Always moderate."""
    return Severity.MODERATE
