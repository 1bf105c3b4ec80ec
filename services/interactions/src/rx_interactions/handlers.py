"""Handlers as plain functions: gather the history, decide, answer."""

from collections.abc import Callable
from datetime import timedelta

from rx_clinical import Catalogue, History, assess, code_medicine

from rx_interactions.domain.answer import CheckResult, KnownHistory, choose_answer, split_findings
from rx_interactions.domain.dispense import Dispense, facts_of
from rx_interactions.domain.gaps import gaps, medicines
from rx_interactions.ports import Histories


async def check_dispense(
    namespace: str,
    value: str,
    dispense: Dispense,
    *,
    histories: Histories,
    catalogue: Catalogue,
    expected_interval: Callable[[str], timedelta],
    timeout_seconds: float,
) -> CheckResult:
    """Return the findings that `dispense` would raise.

    Raises DependencyUnavailable HISTORY_UNAVAILABLE: there is no answer without the history.
    """
    history = await histories.history(namespace, value, timeout_seconds=timeout_seconds)
    return answer(dispense, history, catalogue, expected_interval)


def answer(
    dispense: Dispense,
    history: KnownHistory,
    catalogue: Catalogue,
    expected_interval: Callable[[str], timedelta],
) -> CheckResult:
    """Assess the history with and without the dispense, by the same function that the monitor runs."""
    product = code_medicine(dispense.medicine, dispense.codings, catalogue)
    dispense_facts = facts_of(dispense, product.medicine)
    without = assess(History(facts=history.facts, known_since=history.known_since), catalogue)
    assessment = assess(History(facts=(*history.facts, *dispense_facts), known_since=history.known_since), catalogue)
    raised, unchanged = split_findings(without.findings, assessment.findings)
    unread = product.relevant and (bool(assessment.unread) or _holds_uncoded_opioid(history, catalogue))
    return CheckResult(
        answer=choose_answer(raised, assessed=product.known and bool(assessment.rules_run), unread=unread),
        findings=raised,
        unchanged=unchanged,
        assessment=assessment,
        gaps=gaps(
            product,
            history,
            assessment,
            hand_over_time=dispense.hand_over_time,
            expected_interval=expected_interval,
        ),
        history=history,
    )


def _holds_uncoded_opioid(history: KnownHistory, catalogue: Catalogue) -> bool:
    return any(
        not medicine.coded and catalogue.names_opioid_or_antagonist(medicine.text)
        for medicine in medicines(history.facts)
    )
