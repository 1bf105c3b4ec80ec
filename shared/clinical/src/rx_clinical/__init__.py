"""The clinical core: a pure function from the facts about one patient to findings. No clock, no I/O, no randomness."""

from rx_clinical.assessment import assess, check_rules, load_catalogue
from rx_clinical.catalogue.catalogue import Catalogue, CodedProduct
from rx_clinical.catalogue.coding import CodedMedicine, code_medicine
from rx_clinical.findings.explain import Explained, explain
from rx_clinical.model.facts import History
from rx_clinical.model.findings import Assessment, Finding

__all__ = [
    "Assessment",
    "Catalogue",
    "CodedMedicine",
    "CodedProduct",
    "Explained",
    "Finding",
    "History",
    "assess",
    "check_rules",
    "code_medicine",
    "explain",
    "load_catalogue",
]
