"""The architecture page names places that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:services|shared|tests|cli|protos|tools)/[^`*<>]+)`", PAGE)))
LINKS = sorted(set(re.findall(r"\]\(([^)*#]+)\)", PAGE)))


@pytest.mark.parametrize("path", PATHS)
def test_a_named_place_exists(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link):
    assert (ROOT / "docs" / link).exists()


def test_the_page_names_many_places():
    assert len(PATHS) > 15
