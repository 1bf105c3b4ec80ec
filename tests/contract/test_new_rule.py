"""`make rule` writes a rule that loads and has its page, and that no test lets through before it is filled."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import new_rule, rule_text

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("shared/clinical/src", "tools", "docs/clinical", "tests/lib/clinical")
FILES = ("pyproject.toml", "tests/spec/test_rule_timelines.py")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what belongs to the rules, with LD-11 scaffolded in it."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tree / file)
    written = run(tree, "-m", "tools.new_rule", "LD-11")
    assert written.returncode == 0, written.stderr
    assert "LD-11 is written" in written.stdout
    return tree


def run(tree, *arguments):
    environment = os.environ | {"PYTHONPATH": str(tree / "shared/clinical/src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def test_the_registry_and_the_page_generator_accept_the_skeleton(tree):
    program = "import rx_clinical; rx_clinical.load_catalogue(); from rx_clinical.rules import RULES; print(RULES)"
    loaded = run(tree, "-c", program)
    assert "id='LD-11', family=<Family.LDN: 'ldn'>" in loaded.stdout, loaded.stderr
    assert str(ROOT / "shared") not in loaded.stdout

    checked = run(tree, "-m", "tools.generate_rules", "--check")
    assert checked.returncode == 0, checked.stdout
    assert "[LD-11](LD-11.md)" in (tree / "docs/clinical/rules/README.md").read_text()


def test_its_timeline_its_scenario_and_its_words_fail_until_it_is_filled(tree):
    ran = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/spec/test_rule_timelines.py", "-k", "LD-11")
    assert ran.returncode == 1, ran.stdout
    assert "expected" in ran.stdout

    scenario = tree / "tests/spec/ldn/ld_11.yaml"
    program = (
        "import pathlib, sys; from rxguard.scenarios.run import run_scenarios; "
        "print([one['status'] for one in run_scenarios(pathlib.Path(sys.argv[1]))['scenarios']])"
    )
    assert run(tree, "-c", program, str(scenario)).stdout.strip() == "['fail']"

    assert any("TODO" in line for line in (tree / "docs/clinical/rules/LD-11.md").read_text().splitlines())


@pytest.mark.parametrize("path", [*sorted((ROOT / "docs/clinical/rules").glob("*.md")), rule_text.TABLES / "rules.csv"])
def test_no_rule_is_left_as_a_skeleton(path):
    assert "TODO" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rule_id", "message"),
    [
        ("LD-01", "LD-01 exists already"),
        ("WR-04", "WR-04 was the id of a retired rule; take another number"),
        ("ZZ-01", "ZZ is no family of rules; known are BL (blockade), CP (compounding), "),
        ("ld-11", "'ld-11' is no rule id: two capital letters, a hyphen, two digits, such as LD-11"),
        ("", "'' is no rule id"),
    ],
)
def test_an_id_that_cannot_be_is_refused_and_nothing_is_written(rule_id, message, capsys, monkeypatch):
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: pytest.fail("something was written"))

    assert new_rule.main([rule_id]) == 2
    assert message in capsys.readouterr().err
