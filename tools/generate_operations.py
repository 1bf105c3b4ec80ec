"""Regenerate the tables of `docs/operations.md` from the declared settings and metrics.

`--check` writes nothing and exits with 1 if the committed page differs; a test runs it.
"""

import argparse
import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from rx_runtime.settings import SHIPPED_SITES, ServiceSettings
from rx_runtime.telemetry.declaration import Metric
from rx_runtime.telemetry.metrics import METRICS
from rxguard.client.connect import SERVICES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "operations.md"


def settings_of(service: str) -> type[ServiceSettings]:
    """Return the settings class of a service. Raises LookupError if it declares none."""
    module = importlib.import_module(f"rx_{service}.settings")
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, ServiceSettings) and found.__module__ == module.__name__:
            return found
    raise LookupError(f"{module.__name__} declares no settings")


def settings_table() -> str:
    """Render one row per variable, with the services that read it."""
    fields: dict[str, FieldInfo] = {}
    readers: dict[str, list[str]] = {}
    for service in SERVICES:
        for name, field in settings_of(service).model_fields.items():
            fields.setdefault(name, field)
            readers.setdefault(name, []).append(service)
    rows = [
        (f"`RXGUARD_{name.upper()}`", all_or(readers[name]), default(field), description(field))
        for name, field in fields.items()
    ]
    return table(("variable", "read by", "default", "meaning"), rows)


def metrics_table() -> str:
    """Render one row per metric."""
    return table(
        ("metric", "kind", "unit", "service", "labels", "meaning", "remedy"),
        (
            (
                f"`{metric.name}`",
                metric.kind,
                metric.unit,
                metric.service,
                labels(metric),
                metric.meaning,
                metric.remedy,
            )
            for metric in METRICS
        ),
    )


def labels(metric: Metric) -> str:
    """Return each label with the values that it takes."""
    return "; ".join(
        f"{name}: {values if isinstance(values, str) else ', '.join(values)}" for name, values in metric.labels.items()
    )


def all_or(services: list[str]) -> str:
    """Return the services, or "all"."""
    return "all" if len(services) == len(SERVICES) else ", ".join(services)


def default(field: FieldInfo) -> str:
    """Return the default in words."""
    if field.default is PydanticUndefined:
        return "**needed**"
    if field.default == SHIPPED_SITES:
        return "the registry of the demo"
    return f"`{field.default}`" if field.default != "" else "empty"


def description(field: FieldInfo) -> str:
    """Return what the setting means, or the pattern that it must match if it has no description."""
    patterns = [f"matches `{found}`" for one in field.metadata if (found := getattr(one, "pattern", None))]
    return field.description or ", ".join(patterns)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Render a Markdown table."""
    escaped = [tuple(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, ("---",) * len(head), *escaped])


def page(text: str) -> str:
    """Return the page with regenerated tables."""
    for name, made in (("settings", settings_table()), ("metrics", metrics_table())):
        start, end = f"<!-- {name}: made by tools/generate_operations.py -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(start)
        text = before + start + made + end + rest.partition(end)[2]
    return text


def main() -> int:
    """Regenerate, or compare with `--check`; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    committed = PAGE.read_text(encoding="utf-8")
    current = page(committed)
    if check:
        print("the tables are current" if committed == current else "differs: run tools/generate_operations.py")
        return int(committed != current)
    PAGE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
