"""Nobody lets a ruleset read more than the one before it without saying so."""

from hashlib import sha256

import pytest
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.products import NDC, RXNORM
from rx_clinical.catalogue.relevance import CodeVerdict, Relevance, load_relevance, relevant_since, updated
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.catalogue.tables import TableError

from tests.lib.clinical import table_kit

READ, PASSED, GONE = CodeVerdict.READ, CodeVerdict.PASSED, CodeVerdict.GONE
METHADONE, OLANZAPINE = (RXNORM, "6813"), (RXNORM, "61381")


def test_the_table_says_what_the_other_tables_make_of_every_code():
    """Fails after a change of the tables: raise ruleset_seq.txt by one, then run `make relevance`."""
    catalogue, committed = Catalogue(), load_relevance()
    assert updated(committed, catalogue.codes_read(), catalogue.ruleset_seq) == committed


def test_the_bits_in_stored_states_mean_what_they_meant():
    """Fails after a change of FactBits, which stored states keep: raise ruleset_seq.txt, then pin the new bits."""
    bits = sorted((name, value) for name, value in vars(FactBits).items() if name.isupper())
    pinned = {5: "4b16c2af4cda6070"}
    assert pinned == {Catalogue().ruleset_seq: sha256(repr(bits).encode()).hexdigest()[:16]}


def test_opioids_forms_and_salts_are_read_and_what_no_rule_looks_at_is_passed():
    read = Catalogue().codes_read()
    assert read[METHADONE] and read["form_key", "methadone_oral"] and read[RXNORM, "218337"]  # noqa: PT018  # one thought
    assert read[NDC, "50090-6820-00"]
    assert not read[OLANZAPINE]


def test_the_shipped_ruleset_is_not_older_than_what_it_reads():
    assert 1 <= relevant_since() <= Catalogue().ruleset_seq


@pytest.mark.parametrize(
    ("before", "is_read", "after"),
    [
        pytest.param({}, {METHADONE: True}, {METHADONE: (READ, 4)}, id="a new code that is read"),
        pytest.param({}, {METHADONE: False}, {METHADONE: (PASSED, 4)}, id="a new code that is passed"),
        pytest.param({METHADONE: (READ, 2)}, {METHADONE: True}, {METHADONE: (READ, 2)}, id="still read"),
        pytest.param({METHADONE: (PASSED, 2)}, {METHADONE: True}, {METHADONE: (READ, 4)}, id="was passed, is read"),
        pytest.param({METHADONE: (READ, 2)}, {METHADONE: False}, {METHADONE: (PASSED, 4)}, id="was read, is passed"),
        pytest.param({METHADONE: (PASSED, 2)}, {}, {METHADONE: (GONE, 4)}, id="was passed, is unknown"),
        pytest.param({METHADONE: (GONE, 2)}, {}, {METHADONE: (GONE, 2)}, id="still unknown"),
        pytest.param({METHADONE: (READ, 2)}, {}, {}, id="was read, is unknown and read as such"),
    ],
)
def test_a_verdict_keeps_the_ruleset_that_it_first_held_in(before, is_read, after):
    held = {code: Relevance(*entry) for code, entry in before.items()}
    assert updated(held, is_read, 4) == {code: Relevance(*entry) for code, entry in after.items()}


@pytest.mark.parametrize(("verdict", "since"), [("read", 3), ("gone", 3), ("passed", 2)])
def test_only_what_is_read_anew_asks_for_a_newer_ruleset(tmp_path, verdict, since):
    folder = table_kit.copy_of_the_tables(tmp_path)
    (folder / "relevance.csv").write_text(f"system,code,verdict,since\ns,a,read,2\ns,b,{verdict},3\n")
    assert relevant_since(folder) == since


def test_a_code_may_be_read_from_the_first_ruleset_on(tmp_path):
    folder = table_kit.copy_of_the_tables(tmp_path)
    (folder / "relevance.csv").write_text("system,code,verdict,since\ns,a,read,1\n")
    assert relevant_since(folder) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("s,a,read,9", "since '9' is no ruleset from 1 to 3"),
        ("s,a,read,0", "since '0'"),
        ("s,a,read,soon", "since 'soon'"),
        ("s,a,perhaps,3", "verdict 'perhaps'"),
        ("s,a,read,3\ns,a,read,3", "s a stands twice"),
        ("s,a,passed,3", "no code is read"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path, rows, message):
    folder = table_kit.copy_of_the_tables(tmp_path)
    (folder / "relevance.csv").write_text(f"system,code,verdict,since\n{rows}\n")
    (folder / "ruleset_seq.txt").write_text("3\n")
    with pytest.raises(TableError, match=message):
        relevant_since(folder)
