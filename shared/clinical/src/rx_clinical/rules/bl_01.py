"""BL-01: an opioid meets an antagonist that is already there.

When   an opioid is written, filled, reported or given after an antagonist
  and  it begins inside the antagonist's supply, or inside the first 672 h of a depot
   or  it begins where a depot that was dispensed without an injection seen may still block (fill + 30 d
       + 672 h)
Then   contraindicated above 5 mg a day, for samidorphan and for depots; major for low-dose naltrexone;
       at most major for an order without a fill on either side, an assumed supply or a late unconfirmed depot
Source VIV2 (28 days; overcoming blockade risks overdose), SEED2, SEED3
"""

from rx_clinical.blocks import Block
from rx_clinical.findings import Severity

RULE = "BL-01"


def applies(block: Block) -> bool:
    """The opioid begins before the blockade's possible end."""
    return block.at < block.possible_until


def severity(block: Block) -> Severity:
    """How bad, by what is certain about either side."""
    certain = block.documented_until is not None and block.at < block.documented_until and not block.opioid_only_ordered
    return block.worst if certain else block.worst.at_most(Severity.MAJOR)
