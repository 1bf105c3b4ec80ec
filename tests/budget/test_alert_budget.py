"""The promise of the alert budget: quiet in an ordinary year, and nothing contraindicated missed.

`tests/lib/pharmacy/rates.py` says who lives in the simulated year, `planted_cases.py` what must be found.

As the records stand at the end of the year, every finding counts, also those of an alert that interrupted once for its
course. On the way, as facts come in one by one, a rule counts as often as it fires.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rx_clinical import assess, load_catalogue

from tests.lib.pharmacy.planted_cases import ANY, CASES, CONTRAINDICATED
from tests.lib.pharmacy.rates import ANTAGONIST_FORMS, KRATOM, OPIOID_FORMS, SUBLOCADE
from tests.lib.pharmacy.year import fingerprint, line, simulate, table, tally

SEED = 1
FILLS_AT_LEAST = 190_000
OPIOID_SHARE = (0.04, 0.05)
ANTAGONIST_USERS_AT_LEAST = 100
TIMES_PLANTED = 10


@pytest.fixture(scope="module")
def ordinary_year():
    return tally(simulate(SEED), load_catalogue(), on_the_way=True)


def by_rule(interruptions):
    """How many of each rule, with one example each."""
    counted = Counter(finding.rule for _, finding in interruptions)
    examples = {finding.rule: line(patient, finding) for patient, finding in interruptions}
    return "\n".join(f"{rule}: {number}, for example {examples[rule]}" for rule, number in counted.most_common())


def test_an_ordinary_year_interrupts_at_most_once_in_5000_fills(ordinary_year):
    year = ordinary_year

    assert len(year.interruptive) <= year.budget, f"{by_rule(year.interruptive)}\n\n{table(year)}"


def test_neither_do_the_interruptions_of_every_state_of_the_record_on_the_way(ordinary_year):
    year = ordinary_year

    assert len(year.interruptions) <= year.budget, f"{by_rule(year.interruptions)}\n\n{table(year)}"


def test_the_ordinary_year_holds_what_the_budget_is_about(ordinary_year):
    year = ordinary_year
    reported_or_rare = {KRATOM.form_key, SUBLOCADE.form_key, "ntx_uldn", "hydrocodone_er_cough"}

    assert year.fills >= FILLS_AT_LEAST
    assert OPIOID_SHARE[0] <= year.opioid_share <= OPIOID_SHARE[1]
    assert year.antagonist_users >= ANTAGONIST_USERS_AT_LEAST
    assert (OPIOID_FORMS | ANTAGONIST_FORMS) - reported_or_rare <= year.fills_by_form.keys()
    assert year.fills_by_form["naloxone_rescue"] > 0
    # Pairs of medicines that the rules only note: the year is not quiet for want of them.
    assert all(year.found[rule, "profile"] > 0 for rule in ("PK-01", "PK-03", "OT-01", "DQ-01", "DQ-07"))


@pytest.fixture(scope="module")
def planted():
    """What was found about each patient with a planted case, by the name of the case."""
    found = {case: [] for case in CASES}
    for patient in simulate(SEED, patients_each=300, planted=TIMES_PLANTED):
        for case in patient.planted:
            found[case.case].append((patient, case, assess(patient.history, load_catalogue()).findings))
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_planted_case_is_found_as_contraindicated_and_interrupts(name, planted):
    assert len(planted[name]) == TIMES_PLANTED
    missed = []
    for patient, case, findings in planted[name]:
        said = [(f.rule, f.anchor_event_id, str(f.severity), str(f.display)) for f in findings if meets(f, case)]
        if (case.rule, case.anchor_event_id, CONTRAINDICATED, "interruptive") not in said:
            others = [line(patient.patient_id, finding) for finding in findings if finding.display == "interruptive"]
            missed.append(f"{case}\n  said: {said}\n  interruptive: {others}")
    assert not missed, f"{len(missed)} of {TIMES_PLANTED} missed, the first:\n{missed[0]}"


def meets(finding, case):
    return finding.rule == case.rule and case.counterpart in (ANY, finding.counterpart)


def test_the_same_seed_gives_the_same_facts_and_another_seed_gives_others():
    first, again, other = (fingerprint(simulate(seed, 3, 60, planted=1)) for seed in (7, 7, 8))

    assert first == again
    assert first != other


def test_facts_depend_on_nothing_but_the_seed():
    program = "from tests.lib.pharmacy.year import *; print(fingerprint(simulate(7, 2, 40)))"
    printed = {
        subprocess.check_output(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            text=True,
        )
        for hash_seed in ("1", "2")
    }

    assert printed == {fingerprint(simulate(7, 2, 40)) + "\n"}


def test_planting_changes_nobody_else():
    ordinary = {patient.patient_id: patient for patient in simulate(SEED, 2, 100)}

    for patient in simulate(SEED, 2, 100, planted=1):
        expected = ordinary[patient.patient_id].history.facts
        assert patient.history.facts[: len(expected)] == expected
        assert bool(patient.planted) == (len(patient.history.facts) > len(expected))


def test_more_cases_than_patients_are_refused():
    with pytest.raises(ValueError, match="found no patient"):
        list(simulate(SEED, 1, 20, planted=5))
