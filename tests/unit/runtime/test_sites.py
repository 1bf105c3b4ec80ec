"""The site registry."""

from datetime import UTC, datetime

import pytest
from rx_runtime.errors import InvalidInput, InvalidSettings
from rx_runtime.pseudonym import pseudonym
from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import load_sites


def registry(tmp_path, text):
    path = tmp_path / "sites.yaml"
    path.write_text(text)
    return load_sites(path)


def test_the_shipped_registry_has_a_default_site():
    assert load_sites(SHIPPED_SITES).default_site.zone == "America/New_York"


def test_an_unknown_site_is_refused_by_code():
    with pytest.raises(InvalidInput) as refused:
        load_sites(SHIPPED_SITES).site("nowhere")
    assert refused.value.code == "UNKNOWN_SITE"


@pytest.mark.parametrize("text", ["sites: []", "sites:\n- {id: a, name: A, zone: Mars/Olympus}", "sites: {", "[]"])
def test_a_registry_that_cannot_be_used_is_refused(tmp_path, text):
    with pytest.raises(InvalidSettings):
        registry(tmp_path, text)


def test_history_is_known_since_the_earliest_complete_date_that_a_source_declares(tmp_path):
    sites = registry(
        tmp_path,
        """
sites:
  - {id: a, name: A, zone: Etc/UTC, sources: [{name: one, complete_since: 2025-01-01T00:00:00Z}, {name: two}]}
  - {id: b, name: B, zone: Etc/UTC, sources: [{name: three, complete_since: 2024-06-01T02:00:00+02:00}]}
""",
    )
    assert sites.known_since(["one", "two"]) == datetime(2025, 1, 1, tzinfo=UTC)
    assert sites.known_since(["one", "three"]) == datetime(2024, 6, 1, tzinfo=UTC)
    assert sites.known_since(["two"]) is None


def test_a_pseudonym_depends_on_key_namespace_and_value_each():
    same = pseudonym(b"k" * 32, "ns", "1")
    assert same == pseudonym(b"k" * 32, "ns", "1")
    assert (
        len({same, pseudonym(b"l" * 32, "ns", "1"), pseudonym(b"k" * 32, "n", "s1"), pseudonym(b"k" * 32, "ns", "2")})
        == 4
    )
