"""`assess`: from the facts about one patient to findings."""

from rx_clinical.catalogue import Catalogue
from rx_clinical.facts import History
from rx_clinical.findings import Assessment


def assess(history: History, catalogue: Catalogue) -> Assessment:
    """Findings of a history; the same for every order and duplication of its facts."""
    return Assessment(
        findings=(),
        rules_run=(),
        rules_not_covered=(*sorted(catalogue.rules), *catalogue.reason_codes_not_covered),
        satisfied=(),
        unread=(),
    )
