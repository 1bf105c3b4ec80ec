"""BL-02: an opioid meets a blockade that is waning.

When   an opioid begins after an antagonist, past BL-01
  and  inside the tail of a supply (72 h, 96 h above 50 mg, extended-release or of unknown dose; samidorphan 120 h), or
       before 1,200 h after the injection of a depot (1,920 h after the fill of one without an injection seen)
Then   major: lowest dose, supervise, naloxone; the effect cannot be foretold and tolerance is lost
Source VIV2, VIV3 (measurable beyond a month), SPAQI, NTX1
"""

from rx_clinical.blocks import Block
from rx_clinical.findings import Severity

RULE = "BL-02"


def applies(block: Block) -> bool:
    """The opioid begins before the end of the tail."""
    return block.at < block.waning_until


def severity(_: Block) -> Severity:
    """Always major."""
    return Severity.MAJOR
