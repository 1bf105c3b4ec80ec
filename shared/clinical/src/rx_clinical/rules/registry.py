"""Collects the rules from the packages of the families."""

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.rules.rule import Family, Rule

_RULE_FILE = re.compile(r"[a-z]{2}_\d{2}")
_KNOWN_BITS = sum({value for name, value in vars(FactBits).items() if name.isupper() and value & (value - 1) == 0})


class RuleError(Exception):
    """A rule file does not hold a rule that can be asked; the message names the file and what to change."""


def rule_modules(package: str, path: Iterable[str]) -> Iterator[ModuleType]:
    """Import every rule file (`ld_01.py`) of the family packages below a package. Raises RuleError."""
    for family in iter_modules(path, f"{package}."):
        if not family.ispkg:
            continue
        for module in iter_modules(import_module(family.name).__path__, f"{family.name}."):
            if _RULE_FILE.fullmatch(module.name.rpartition(".")[2]):
                yield _imported(module.name)


def _imported(name: str) -> ModuleType:
    """Import a rule file; a RULE that lacks an argument, such as `needs`, fails here."""
    try:
        return import_module(name)
    except TypeError as error:
        raise RuleError(f"{name}: {error}") from error


def collect(modules: Iterable[ModuleType]) -> tuple[Rule, ...]:
    """Return the rules of rule files, sorted by id. Raises RuleError."""
    return tuple(sorted((_rule_of(module) for module in modules), key=lambda rule: rule.id))


def _rule_of(module: ModuleType) -> Rule:
    rule = getattr(module, "RULE", None)
    if not isinstance(rule, Rule):
        raise RuleError(f"{module.__name__}: has no RULE = Rule(...)")
    *_, package, name = module.__name__.split(".")
    if rule.id != name.upper().replace("_", "-"):
        raise RuleError(f"{module.__name__}: holds rule {rule.id!r}; the id and the file name must agree")
    if package not in set(Family):
        raise RuleError(f"{module.__name__}: {package!r} is no family; name it in Family, or move the file")
    if rule.family != package:
        raise RuleError(f"{module.__name__}: the family is {str(rule.family)!r}, the package is {package!r}")
    if not rule.needs or not all(mask and not mask & ~_KNOWN_BITS for mask in rule.needs):
        raise RuleError(f"{module.__name__}: needs={rule.needs!r} must be masks of FactBits, at least one")
    return rule
