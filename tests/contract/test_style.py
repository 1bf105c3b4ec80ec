"""The parts of docs/style.md that a program can check, over the code that is delivered."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("services", "shared", "cli") for path in sorted((ROOT / folder).rglob("src/**/*.py"))]
FILES = {path.relative_to(ROOT).as_posix(): path for path in SOURCES if "pharmacy" not in path.parts}
RIDDLES = re.compile(
    r"goes on behind|tells? of\b|says something else|the word of|written over again|is no standstill|at a glance",
    re.IGNORECASE,
)
LONGEST_MODULE = 400


def loop_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            yield from ((name.lineno, name.id) for name in ast.walk(node.target) if isinstance(name, ast.Name))


def test_there_are_sources_to_check():
    assert len(FILES) > 250


@pytest.mark.parametrize("name", FILES)
def test_a_loop_variable_is_named_after_what_it_holds(name):
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    assert [(line, variable) for line, variable in loop_names(tree) if variable == "one"] == []


@pytest.mark.parametrize("name", FILES)
def test_prose_has_no_riddles_and_modules_have_a_limit(name):
    text = FILES[name].read_text(encoding="utf-8")
    assert RIDDLES.findall(text) == []
    assert text.count("\n") <= LONGEST_MODULE
