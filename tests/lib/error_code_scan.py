"""Find every error code that the source raises, by reading it as a syntax tree."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "InvalidInput": "input",
    "NotFound": "not_found",
    "InvalidSettings": "settings",
    "DependencyUnavailable": "dependency",
    "RefusedToRun": "refused",
    "EdgeError": "record",
    "PydanticCustomError": "record",
    "ImpossibleBatch": "input",  # its code is passed on by InvalidInput
    "ScenarioFileError": "input",  # the same, with a prefix
    "Patience": "dependency",  # raised when the wait is given up
    "problem": "defect",  # an answer of the HTTP server
}
"""Constructors that take a code, and the kind of their error."""

_POSITION = {"Patience": 1, "problem": 1}  # of the code among the arguments
_PREFIX = {"ScenarioFileError": "SCENARIOS_"}
_NAMING = {
    "decimal_field": ("compounding", 0),
    "optional_decimal_field": ("compounding", 0),
    "parse_decimal": ("contracts", 1),
    "_decimal": ("contracts", 0),
}
"""Functions that make codes of a name: the component that appends the endings, and the position of the name."""

_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


class Raised(NamedTuple):
    """A code as some line of the source raises it."""

    code: str
    kind: str
    component: str


def raised_codes(root: Path = ROOT) -> set[Raised]:
    """Return every code of the source. Codes that are passed on from another error are found where they begin."""
    sources = {path: ast.parse(path.read_text(encoding="utf-8")) for path in _modules(root)}
    constants = _constants(sources)
    names = _names(sources)
    found: set[Raised] = set()
    for path, tree in sources.items():
        component = _component(path)
        for kind, argument, prefix in _arguments(tree):
            if isinstance(argument, ast.JoinedStr):
                found |= {Raised(name + _ending(argument), kind, caller) for name, caller in names[component]}
            elif code := _code(argument, constants):
                found.add(Raised(prefix + code, kind, component))
        found |= {Raised(code, "record", component) for code in _tabled(tree)}
    return found


def _modules(root: Path) -> Iterator[Path]:
    for source in (*root.glob("shared/*/src"), *root.glob("services/*/src"), root / "cli/src"):
        yield from (path for path in sorted(source.rglob("*.py")) if "pharmacy" not in path.parts)


def _component(path: Path) -> str:
    package = path.parts[path.parts.index("src") + 1]
    return "cli" if package == "rxguard" else package.removeprefix("rx_")


def _calls(tree: ast.Module) -> Iterator[tuple[str, list[ast.expr]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node.args


def _arguments(tree: ast.Module) -> Iterator[tuple[str, ast.expr, str]]:
    for name, arguments in _calls(tree):
        position = _POSITION.get(name, 0)
        if name in KINDS and len(arguments) > position:
            yield KINDS[name], arguments[position], _PREFIX.get(name, "")


def _code(argument: ast.expr, constants: Mapping[str, str]) -> str | None:
    match argument:
        case ast.Constant(value=str(code)):
            return code
        case ast.Name(id=name):
            return constants.get(name)
    return None


def _ending(argument: ast.JoinedStr) -> str:
    match argument.values[-1]:
        case ast.Constant(value=str(ending)):
            return ending
    return ""  # SCENARIOS_..., which the prefix of ScenarioFileError covers


def _constants(sources: Mapping[Path, ast.Module]) -> dict[str, str]:
    """Constants of modules whose value is a code, by name."""
    return {
        node.targets[0].id: node.value.value
        for tree in sources.values()
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and _CODE.fullmatch(node.value.value)
    }


def _names(sources: Mapping[Path, ast.Module]) -> dict[str, set[tuple[str, str]]]:
    """Names that codes are made of and the components that give them, by the component that appends the endings."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path, tree in sources.items():
        for function, arguments in _calls(tree):
            component, position = _NAMING.get(function, ("", len(arguments)))
            for argument in arguments[position : position + 1]:
                if name := _code(argument, {}):
                    found[component].add((name.upper(), _component(path)))
    return found


def _tabled(tree: ast.Module) -> Iterator[str]:
    """Codes of the table `_CODES`, which names errors of pydantic, and the code of `_CODES.get` for all others."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id="_CODES")], value=ast.Dict(values=values)):
                yield from (_first(value) for value in values)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="_CODES"), attr="get"), args=[_, default]):
                yield _first(default)


def _first(pair: ast.expr) -> str:
    match pair:
        case ast.Tuple(elts=[ast.Constant(value=str(code)), *_]):
            return code
    raise ValueError(f"line {pair.lineno}: a code and its text were expected")
