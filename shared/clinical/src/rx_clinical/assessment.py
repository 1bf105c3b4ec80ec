"""`assess`: from the facts about one patient to findings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision
from rx_clinical.findings.render import finding
from rx_clinical.history.applicability import fact_bits, may_fire
from rx_clinical.history.chart import read_chart
from rx_clinical.history.context import RuleContext, build_context
from rx_clinical.model.facts import Fact, History, UnreadFact
from rx_clinical.model.findings import Assessment, Finding
from rx_clinical.rules.blockade.engine import RULES as BLOCKADE_RULES
from rx_clinical.rules.blockade.engine import blockade
from rx_clinical.rules.compounding import cp_01, cp_02, cp_03, cp_04, cp_05, cp_06, cp_08, cp_09
from rx_clinical.rules.data_quality import dq_01, dq_02, dq_03, dq_04, dq_05, dq_06, dq_07
from rx_clinical.rules.hidden import hn_02
from rx_clinical.rules.interactions import in_01, in_02, ot_01, ot_02, ot_03, pa_01, pa_02, pk_01, pk_02, pk_03
from rx_clinical.rules.ldn import ld_01, ld_02, ld_03, ld_04, ld_05, ld_06, ld_07, ld_08, ld_09, ld_10
from rx_clinical.rules.surgery import sx_01
from rx_clinical.rules.withdrawal import wr_05, wr_06  # fmt: skip
from rx_clinical.rules.withdrawal.engine import RULES as WITHDRAWAL_RULES
from rx_clinical.rules.withdrawal.engine import ClearedWindow, withdrawal

_ANY = -1
# Each rule with the two kinds of facts that it needs: without them it is not asked.
_RULES = (
    (FactBits.SEQUESTERED, _ANY, hn_02),
    (FactBits.PARTIAL, FactBits.FULL, pa_01),
    (FactBits.MIXED, FactBits.FULL | FactBits.PARTIAL, pa_02),
    (FactBits.PROLONGING, FactBits.OPIOID, pk_01),
    (FactBits.MEETING, FactBits.OPIOID, pk_02),
    (FactBits.MEETING, FactBits.OPIOID, pk_03),
    (FactBits.INDUCING, FactBits.OPIOID, in_01),
    (FactBits.INDUCING, FactBits.OPIOID, in_02),
    (FactBits.GUT_OPIOID, FactBits.ANTAGONIST, ot_01),
    (FactBits.PERIPHERAL, FactBits.OPIOID, ot_02),
    (FactBits.PERIPHERAL, FactBits.OPIOID, ot_03),
    (FactBits.PROCEDURE, FactBits.ANTAGONIST, sx_01),
    (FactBits.ANTAGONIST, FactBits.PARTNER, ld_01),
    (FactBits.ANTAGONIST, FactBits.PARTNER | FactBits.PATIENT, ld_02),
    (FactBits.ANTAGONIST, FactBits.PARTNER, ld_03),
    *((FactBits.ANTAGONIST, FactBits.PATIENT, rule) for rule in (ld_04, ld_05, ld_06, ld_08, ld_09)),
    (FactBits.ANTAGONIST, _ANY, ld_07),
    (FactBits.ANTAGONIST, _ANY, ld_10),
    *((FactBits.DEFICIENT, _ANY, rule) for rule in (dq_01, dq_02, dq_03)),
    (FactBits.LATE, _ANY, dq_05),
    (FactBits.EVIDENCE, _ANY, dq_04),
    (FactBits.MANY, _ANY, dq_06),
    (FactBits.ROUTE_OPEN, _ANY, dq_07),
    *((FactBits.COMPOUNDING, _ANY, rule) for rule in (cp_01, cp_02, cp_03, cp_04, cp_05, cp_09)),
    *((FactBits.ANTAGONIST | FactBits.COMPOUNDING, _ANY, rule) for rule in (cp_06, cp_08)),
)
RULES_RUN = tuple(
    sorted([
        *(rule.rule_id for rule in (*WITHDRAWAL_RULES, *BLOCKADE_RULES)),
        wr_05.RULE,
        wr_06.RULE,
        *(rule.RULE for _, _, rule in _RULES),
    ])
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Decided:
    """What was decided about a patient, before anything is put into words."""

    decisions: tuple[Decision, ...]
    satisfied: tuple[ClearedWindow, ...]
    context: RuleContext | None


def decide(history: History, catalogue: Catalogue) -> Decided:
    """The decisions about a history; the same for every order and duplication of its facts."""
    kinds = fact_bits(history.facts, catalogue)
    if not may_fire(kinds):
        return Decided((), (), None)
    context = build_context(read_chart(history.facts, catalogue, kinds), catalogue, history.known_since)
    decisions: list[Decision] = []
    satisfied: list[ClearedWindow] = []
    if context.antagonists and context.opioids:
        decisions, satisfied = withdrawal(context)
        decisions += blockade(context)
    for decide_rule in _asked(kinds):
        decisions += decide_rule(context)
    return Decided(tuple(decisions), tuple(satisfied), context)


@lru_cache(maxsize=1024)
def _asked(kinds: int) -> tuple[Callable[[RuleContext], list[Decision]], ...]:
    """The rules that facts of these kinds could make speak."""
    return tuple(rule.decide for needed, beside, rule in _RULES if kinds & needed and kinds & beside)


def assess(history: History, catalogue: Catalogue) -> Assessment:
    """Findings of a history; the same for every order and duplication of its facts."""
    decided = decide(history, catalogue)
    findings: list[Finding] = []
    if decided.context is not None:
        findings = sorted((finding(one, decided.context) for one in decided.decisions), key=_order)
    return Assessment(
        findings=tuple(findings),
        rules_run=RULES_RUN,
        rules_not_covered=not_covered(catalogue),
        satisfied=tuple(passed.to_message() for passed in decided.satisfied),
        unread=_unread(history.facts),
    )


def _unread(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Kinds of facts that the core does not read, each once."""
    return tuple(sorted({fact.kind for fact in facts if isinstance(fact, UnreadFact)}))


def _order(finding: Finding) -> tuple[int, str, bytes, str, bytes]:
    return (finding.severity.rank, finding.rule, finding.anchor_key, finding.counterpart or "", finding.finding_id)


@cache
def not_covered(catalogue: Catalogue) -> tuple[str, ...]:
    """The rule ids that this version does not raise."""
    return tuple(sorted(catalogue.rules.keys() - set(RULES_RUN)))
