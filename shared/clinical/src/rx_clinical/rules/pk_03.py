"""PK-03: a prodrug opioid that a CYP2D6 inhibitor keeps from working.

When   a CYP2D6 inhibitor (the bupropion inside Contrave too) and codeine or tramadol are active together
Then   info on the profile: another analgesic; never more of the same
Source GK
"""

from functools import partial

from rx_clinical.decisions import Decision, Explanation
from rx_clinical.findings import Display, Severity
from rx_clinical.pairs import Pair, decide_pairs, effect_pairs, explain_pair, opioid_of
from rx_clinical.picture import Picture

RULE = "PK-03"


def decide(picture: Picture) -> list[Decision]:
    """One decision an anchor and counterpart."""
    return decide_pairs(
        picture,
        RULE,
        effect_pairs(picture, RULE),
        lambda _: (Severity.INFO, Display.PROFILE),
        partial(_explain, picture),
    )


def _explain(picture: Picture, pair: Pair) -> Explanation:
    sentences = [
        (
            f"{pair.taken.interaction.name} keeps the body from activating {opioid_of(picture, pair)}: less pain "
            "relief, "
            "more of the parent drug. Do not raise the dose; choose another analgesic."
        ),
    ]
    return explain_pair(picture, pair, sentences, ())
