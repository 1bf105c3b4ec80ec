"""`assess`: from the facts about one patient to findings."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.tables import TABLES, TableError
from rx_clinical.findings.decisions import Decision, worst_of_conflicts
from rx_clinical.findings.render import finding
from rx_clinical.history.applicability import fact_bits
from rx_clinical.history.chart import read_chart
from rx_clinical.history.context import RuleContext, build_context
from rx_clinical.model.facts import Fact, History, UnreadFact
from rx_clinical.model.findings import Assessment, Finding
from rx_clinical.rules import RULES, applicable_rules, may_fire
from rx_clinical.rules.rule import Decide, Pairing, Rule
from rx_clinical.rules.withdrawal.engine import ClearedWindow, cleared_windows

_RULE_IDS = tuple(rule.id for rule in RULES)


@dataclass(slots=True, eq=False)
class Decided:
    """What was decided about a patient, before anything is put into words."""

    decisions: tuple[Decision, ...]
    satisfied: tuple[ClearedWindow, ...]
    context: RuleContext | None


@cache
def load_catalogue(folder: Path = TABLES) -> Catalogue:
    """Load the tables of a folder, by default the shipped ones, once per process.

    Raises TableError where a table is malformed, contradicts another, or does not list exactly the rules of the code.
    """
    catalogue = Catalogue(folder)
    check_rules(catalogue)
    return catalogue


def check_rules(catalogue: Catalogue) -> None:
    """Compare rules.csv with the rule files. Raises TableError where one lacks a rule of the other."""
    if lacking := catalogue.rules.keys() - set(_RULE_IDS):
        raise TableError(f"rules.csv: no rule file has RULE = Rule(...) for {', '.join(sorted(lacking))}")
    if unlisted := set(_RULE_IDS) - catalogue.rules.keys():
        raise TableError(f"rules.csv: no row for {', '.join(sorted(unlisted))}")


def decide(history: History, catalogue: Catalogue) -> Decided:
    """Decide about a history; the same for every order and duplication of its facts."""
    bits = fact_bits(history.facts, catalogue)
    if not may_fire(bits):
        return Decided((), (), None)
    context = build_context(read_chart(history.facts, catalogue, bits), catalogue, history.known_since)
    decisions: list[Decision] = []
    for ask in _asked(bits):
        decisions += ask(context)
    return Decided(tuple(decisions), tuple(cleared_windows(context)), context)


@lru_cache(maxsize=1024)
def _asked(bits: int) -> tuple[Decide, ...]:
    """Return what to ask of facts with these FactBits: rules alone, or rules of one pairing together."""
    groups: dict[Pairing | str, list[Rule]] = {}
    for rule in applicable_rules(bits):
        groups.setdefault(rule.pairing or rule.id, []).append(rule)
    return tuple(
        partial(_ask_together, rules[0].pairing, tuple(rule.decide for rule in rules))
        if rules[0].pairing
        else rules[0].decide
        for rules in groups.values()
    )


def _ask_together(pairing: Pairing, decides: Iterable[Decide], context: RuleContext) -> list[Decision]:
    """Ask rules that decide about the same conflicts, if there are any; keep one decision per conflict."""
    if not pairing(context):
        return []
    decisions = [decision for decide_rule in decides for decision in decide_rule(context)]
    return worst_of_conflicts(decisions) if len(decisions) > 1 else decisions


def assess(history: History, catalogue: Catalogue) -> Assessment:
    """Assess a history; the same for every order and duplication of its facts."""
    decided = decide(history, catalogue)
    findings: list[Finding] = []
    if decided.context is not None:
        findings = sorted((finding(decision, decided.context) for decision in decided.decisions), key=_order)
    return Assessment(
        findings=tuple(findings),
        rules_run=_RULE_IDS,
        rules_not_covered=not_covered(catalogue),
        satisfied=tuple(cleared.to_message() for cleared in decided.satisfied),
        unread=_unread(history.facts),
    )


def _unread(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Return the kinds of facts that the core does not read, each once."""
    return tuple(sorted({fact.kind for fact in facts if isinstance(fact, UnreadFact)}))


def _order(finding: Finding) -> tuple[int, str, bytes, str, bytes]:
    return (finding.severity.rank, finding.rule, finding.anchor_key, finding.counterpart or "", finding.finding_id)


@cache
def not_covered(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the rule ids of rules.csv that this version does not raise."""
    return tuple(sorted(catalogue.rules.keys() - set(_RULE_IDS)))
