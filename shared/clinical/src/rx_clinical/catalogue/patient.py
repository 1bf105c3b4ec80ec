"""Patient facts: conditions, symptoms, allergies and age, and the meaning of their words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from rx_clinical.catalogue.tables import Tables
from rx_clinical.model.facts import PatientFact

_WORD = re.compile(r"[^a-z0-9']+")


class Terms:
    """The terms of patient_terms.csv by meaning."""

    def __init__(self, tables: Tables) -> None:
        terms: dict[str, list[str]] = {}
        for row in tables.rows("patient_terms.csv"):
            terms.setdefault(row.required("meaning"), []).append(row.required("term"))
        self._patterns: Mapping[str, re.Pattern[str]] = {
            meaning: re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, words))})(?![a-z0-9])")
            for meaning, words in terms.items()
        }

    def mean(self, meaning: str, text: str) -> bool:
        """Return True if the text contains a term of that meaning. Raises KeyError for an unknown meaning."""
        return self._patterns[meaning].search(_words_of(text)) is not None


def _words_of(text: str) -> str:
    """Return the text in lower case with blanks for punctuation: `Acute_Hepatitis` becomes `acute hepatitis`."""
    return _WORD.sub(" ", text.lower().replace("\u2019", "'").replace("'", "")).strip()


@dataclass(eq=False)
class Patient:
    """The facts about a patient, sorted by time and key."""

    facts: tuple[PatientFact, ...]
    terms: Terms

    @cached_property
    def liver(self) -> tuple[PatientFact, ...]:
        """Return liver or kidney disease that no later fact negates."""
        kidney = (fact for fact in self.symptoms("kidney"))
        return (*self.standing("liver"), *kidney)

    def standing(
        self, kind: str, begin: datetime | None = None, until: datetime | None = None
    ) -> tuple[PatientFact, ...]:
        """Return the facts of a kind that hold at some time from `begin` to `until` (None: now): not negated before."""
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
        """Return the symptoms of a meaning, without those stated to be absent."""
        return tuple(fact for fact in self._symptoms if self.terms.mean(meaning, fact.value))

    def allergies(self, meanings: Iterable[str]) -> tuple[PatientFact, ...]:
        """Return the allergies to any of the meanings."""
        wanted = tuple(meanings)
        return tuple(
            fact for fact in self.standing("allergy") if any(self.terms.mean(meaning, fact.value) for meaning in wanted)
        )

    @cached_property
    def _symptoms(self) -> tuple[PatientFact, ...]:
        return tuple(
            fact for fact in self.facts if fact.kind == "symptom" and not self.terms.mean("negation", fact.value)
        )
