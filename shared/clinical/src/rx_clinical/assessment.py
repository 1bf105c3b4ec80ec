"""`assess`: from the facts about one patient to findings."""

from functools import cache

from rx_clinical.blockade import blockade
from rx_clinical.catalogue import Catalogue
from rx_clinical.chart import Chart, read_chart
from rx_clinical.facts import History
from rx_clinical.findings import Assessment, Finding, WindowSatisfied
from rx_clinical.picture import Picture, draw
from rx_clinical.rules import bl_01, dq_01, dq_02, dq_03, pk_01
from rx_clinical.withdrawal import RULES as WITHDRAWAL_RULES
from rx_clinical.withdrawal import withdrawal

RULES_RUN = tuple(
    sorted([*(rule.rule_id for rule in WITHDRAWAL_RULES), *(m.RULE for m in (bl_01, pk_01, dq_01, dq_02, dq_03))])
)


def assess(history: History, catalogue: Catalogue) -> Assessment:
    """Findings of a history; the same for every order and duplication of its facts.

    What is not covered yet is assessed the safer way and named in `rules_not_covered`: naltrexone below 1 mg a day as
    a systemic dose, a partial fill as a whole one, a short course without its leniency, evidence as if it were absent.
    """
    chart = read_chart(history.facts, catalogue)
    findings: list[Finding] = []
    satisfied: list[WindowSatisfied] = []
    if chart.pairs or _deficient(chart, catalogue):
        picture = draw(chart, catalogue)
        if picture.antagonists and picture.opioids:
            findings, satisfied = withdrawal(picture)
            findings += blockade(picture)
        findings += _alone(picture)
        findings.sort(key=_order)
    return Assessment(
        findings=tuple(findings),
        rules_run=RULES_RUN,
        rules_not_covered=not_covered(catalogue),
        satisfied=tuple(satisfied),
        unread=chart.unread,
    )


def _deficient(chart: Chart, catalogue: Catalogue) -> bool:
    """Some fact alone gives a finding."""
    return bool(chart.uncoded) or any(
        dq_01.applies(entry, catalogue) or dq_02.missing(entry, catalogue) for entry in chart.entries()
    )


def _alone(picture: Picture) -> list[Finding]:
    """Rules that need no antagonist beside an opioid."""
    return [
        *pk_01.findings(picture),
        *dq_01.findings(picture),
        *dq_02.findings(picture),
        *dq_03.findings(picture),
    ]


def _order(finding: Finding) -> tuple[int, str, bytes, str]:
    return (finding.severity.rank, finding.rule, finding.anchor_key, finding.counterpart or "")


@cache
def not_covered(catalogue: Catalogue) -> tuple[str, ...]:
    """The rule ids and reason codes that this version does not raise."""
    return (*sorted(catalogue.rules.keys() - set(RULES_RUN)), *catalogue.reason_codes_not_covered)
