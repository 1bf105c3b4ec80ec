"""The rules, one file each below the package of their family, and which of them the facts of a patient call for.

A rule file registers itself: it ends with `RULE = Rule(...)`. Importing this package collects them all, and raises
RuleError for a file that does not hold a rule that can be asked.
"""

from functools import lru_cache

from rx_clinical.rules.registry import collect, rule_modules
from rx_clinical.rules.rule import Rule

RULES: tuple[Rule, ...] = collect(rule_modules(__name__, __path__))
"""Every rule, sorted by id."""


@lru_cache(maxsize=1024)
def applicable_rules(bits: int) -> tuple[Rule, ...]:
    """Return the rules that could fire on facts with these FactBits, sorted by id."""
    return tuple(rule for rule in RULES if rule.is_applicable(bits))


@lru_cache(maxsize=4096)
def may_fire(bits: int) -> bool:
    """Return False only if no rule can produce a finding (may return True needlessly, never False wrongly)."""
    return bool(applicable_rules(bits))
