"""What is known about the patient: conditions, symptoms, allergies and age, and what the words in them mean."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from rx_clinical.catalogue.tables import Tables
from rx_clinical.model.facts import PatientFact

_WORD = re.compile(r"[^a-z0-9']+")


class Terms:
    """patient_terms.csv: what a word in a patient fact means."""

    def __init__(self, tables: Tables) -> None:
        terms: dict[str, list[str]] = {}
        for row in tables.rows("patient_terms.csv"):
            terms.setdefault(row.required("meaning"), []).append(row.required("term"))
        self._patterns: Mapping[str, re.Pattern[str]] = {
            meaning: re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, words))})(?![a-z0-9])")
            for meaning, words in terms.items()
        }

    def mean(self, meaning: str, text: str) -> bool:
        """The text holds a word of that meaning. Raises KeyError for a meaning that no row has."""
        return self._patterns[meaning].search(_plain(text)) is not None


def _plain(text: str) -> str:
    """Lower case, punctuation and underscores as blanks: `Acute_Hepatitis` reads as `acute hepatitis`."""
    return _WORD.sub(" ", text.lower().replace("\u2019", "'").replace("'", "")).strip()


@dataclass(eq=False)
class Patient:
    """Facts about the patient in tie order."""

    facts: tuple[PatientFact, ...]
    terms: Terms

    @cached_property
    def liver(self) -> tuple[PatientFact, ...]:
        """Liver or kidney disease that nothing later takes back."""
        kidney = (fact for fact in self.symptoms("kidney"))
        return (*self.standing("liver"), *kidney)

    def standing(
        self, kind: str, begin: datetime | None = None, until: datetime | None = None
    ) -> tuple[PatientFact, ...]:
        """Facts of a kind that hold at some time from `begin` to `until` (None: now): nothing took them back before."""
        held: list[PatientFact] = []
        for fact in self.facts:
            if fact.kind != kind or (until is not None and fact.occurred.earliest > until):
                continue
            if not self.terms.mean("negation", fact.value):
                held.append(fact)
            elif begin is None or fact.occurred.earliest <= begin:
                held.clear()
        return tuple(held)

    def symptoms(self, meaning: str) -> tuple[PatientFact, ...]:
        """Symptoms of a meaning, those excepted that are said to be absent."""
        return tuple(fact for fact in self._symptoms if self.terms.mean(meaning, fact.value))

    def allergies(self, meanings: Iterable[str]) -> tuple[PatientFact, ...]:
        """Allergies to any of these."""
        wanted = tuple(meanings)
        return tuple(
            fact for fact in self.standing("allergy") if any(self.terms.mean(meaning, fact.value) for meaning in wanted)
        )

    @cached_property
    def _symptoms(self) -> tuple[PatientFact, ...]:
        return tuple(
            fact for fact in self.facts if fact.kind == "symptom" and not self.terms.mean("negation", fact.value)
        )
