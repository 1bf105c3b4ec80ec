"""The shape of a rule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rx_clinical.findings.decisions import Decision
from rx_clinical.history.context import RuleContext


class Family(StrEnum):
    """The families of rules. Each is a package below `rx_clinical.rules` of the same name."""

    WITHDRAWAL = "withdrawal"
    BLOCKADE = "blockade"
    HIDDEN = "hidden"
    INTERACTIONS = "interactions"
    SURGERY = "surgery"
    LDN = "ldn"
    DATA_QUALITY = "data_quality"
    COMPOUNDING = "compounding"


Decide = Callable[[RuleContext], list[Decision]]
Pairing = Callable[[RuleContext], Sequence[object]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: when to ask it, and what it decides. Every rule file ends with one, named RULE.

    `decide` is pure, returns nothing where the rule does not apply, and must not rely on `needs` having been checked.
    Rules that share a `pairing` decide about the same conflicts, which it finds once per context; they are asked only
    if it finds any.
    """

    id: str  # as in rules.csv and in the file name: WR-02 in wr_02.py
    family: Family
    needs: tuple[int, ...]  # FactBits: the rule is asked if the facts hold at least one bit of every mask
    decide: Decide
    pairing: Pairing | None = None

    def is_applicable(self, bits: int) -> bool:
        """Return False only if no history with these FactBits can make the rule fire."""
        return all(bits & mask for mask in self.needs)
