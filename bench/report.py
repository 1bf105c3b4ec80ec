"""A results document for people: on a terminal, and in README.md."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
_REASON_CHARACTERS = 120

Document = Mapping[str, Any]


def table(document: Document) -> list[str]:
    """Lines for a terminal."""
    lines = [f"{'engine':24}{'events/s':>12}{'lowest':>12}{'highest':>12}{'runs':>6}   output"]
    for name, engine in document["engines"].items():
        runs: Sequence[int] = engine["runs"]
        figures = f"{engine['median_events_per_s']:>12,}{min(runs):>12,}{max(runs):>12,}{len(runs):>6}"
        lines.append(f"{name:24}{figures}   {_verified(engine)}")
    lines += ["", *(f"{name:34}{json.dumps(value)}" for name, value in document["metrics"].items())]
    lines += [f"missing: {name:34} {_short(reason)}" for name, reason in document["missing"].items()]
    return lines


def write_readme(document: Document, folder: str) -> None:
    """Put the figures between the marks in README.md; `folder` holds the pictures, seen from there."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{chr(10).join(markdown(document, folder))}\n{END}{after}")


def markdown(document: Document, folder: str) -> Iterator[str]:
    """Yield the figures as they stand in README.md."""
    machine, workload = document["machine"], document["workload"]
    commit = (document["commit"] or "unknown")[:8]
    yield (
        f"{document['started_at'][:10]}, {machine['cpus']} cores of {machine['processor']}, load at the start "
        f"{machine['load_1_min']}, commit `{commit}`; event log: seed {workload['seed']}, "
        f"{workload['events']:,} events, {workload['patients']:,} patients, sha256 `{workload['sha256'][:16]}`."
    )
    yield from ("", "| engine | events/s, median | lowest to highest | events | output as expected |")
    yield "|---|---|---|---|---|"
    for name, engine in document["engines"].items():
        runs = engine["runs"]
        yield (
            f"| `{name}` | {engine['median_events_per_s']:,} | {min(runs):,} to {max(runs):,} | {engine['events']:,} "
            f"| {_verified(engine)} |"
        )
    yield from ("", "| metric | value |", "|---|---|")
    for name, value in document["metrics"].items():
        yield f"| `{name}` | {json.dumps(value)} |"
    for name, reason in document["missing"].items():
        yield f"| `{name}` | missing: {_short(reason)} |"
    for name in ("engines", "latency", "patients", "facts"):
        yield from ("", f"![{name}]({folder}/latest-{name}.svg)")


def _verified(engine: Mapping[str, Any]) -> str:
    return f"{engine['verified']['got']:,} of {engine['verified']['expected_findings']:,}"


def _short(reason: str) -> str:
    return reason.splitlines()[0][:_REASON_CHARACTERS] if reason else ""
