"""What it costs to decide about a patient whose facts are in memory: `make bench-core`. Asserts no time.

CPU time of this process, so that what else runs on the machine counts little; bench/README.md says how to read it.
"""

import argparse
import gc
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from rx_clinical import Catalogue, History, assess, load_catalogue
from rx_clinical.assessment import decide
from rx_clinical.model.codes import FormKey, Route, RxNormCode
from rx_clinical.model.facts import Fact, Fill, HandOver, Medicine, Moment, Prescription, Report, event_key

ROUNDS, CALLS, WARM_UP = 7, 2_000, 500
TARGETS_US = {"facts_20": 60, "pair": 12, "none": 2}
DAY_0 = datetime(2026, 1, 5, 14, tzinfo=UTC)
OXYCODONE = Medicine(
    text="oxycodone 5 mg tablet",
    ingredients=(RxNormCode("7804"),),
    form_key=FormKey("oxycodone_ir"),
    days_supply=Decimal(30),
    route=Route.ORAL,
)
LDN = Medicine(
    text="compounded LDN 4.5 mg capsule",
    ingredients=(RxNormCode("7243"),),
    form_key=FormKey("ntx_ldn"),
    daily_dose_mg=Decimal("4.5"),
    days_supply=Decimal(30),
    route=Route.ORAL,
)
LEVOTHYROXINE = Medicine(
    text="levothyroxine", ingredients=(RxNormCode("10582"),), days_supply=Decimal(90), route=Route.ORAL
)
RANITIDINE = Medicine(text="ranitidine 150 mg", ingredients=(RxNormCode("9143"),), route=Route.ORAL)


def scenarios() -> dict[str, dict[str, History]]:
    """Under each name of a result its cases; the dearest one is what is reported."""
    history: dict[str, list[Fact]] = {
        "three_fills": [
            fact for month in range(3) for fact in _handed_over(f"oxycodone-{month}", 30 * month, OXYCODONE)
        ],
        "firing": [_fill("oxycodone", 0, OXYCODONE), _fill("ldn", 40, LDN)],  # 10 days after the supply
        "satisfied": [_fill("oxycodone", 0, OXYCODONE), _fill("ldn", 51, LDN)],  # 21 days after it
        "during_supply": _twenty(ldn_day=171),  # 21 days after the last fill of the opioid
        "after_supply": _twenty(ldn_day=201),  # 21 days after the end of its supply
    }
    cases = {"facts_20": ("during_supply", "after_supply"), "pair": ("firing", "satisfied"), "none": ("three_fills",)}
    return {name: {case: History(facts=tuple(history[case])) for case in those} for name, those in cases.items()}


def _twenty(ldn_day: int) -> list[Fact]:
    facts: list[Fact] = [Prescription(medicine=OXYCODONE, **_envelope("order", 0))]
    for month in range(6):
        facts += _handed_over(f"oxycodone-{month}", 30 * month, OXYCODONE)
    facts.append(Report(medicine=RANITIDINE, kind="otc", ongoing=True, **_envelope("ranitidine", 40)))
    for month in range(2):
        facts += _handed_over(f"ldn-{month}", ldn_day + 30 * month, LDN)
    return facts + _handed_over("levothyroxine", ldn_day, LEVOTHYROXINE)


def _handed_over(event_id: str, day: int, medicine: Medicine) -> list[Fact]:
    step = HandOver(fill=event_key("bench", event_id), **_envelope(f"{event_id}-h", day))
    return [_fill(event_id, day, medicine), step]


def _fill(event_id: str, day: int, medicine: Medicine) -> Fill:
    return Fill(medicine=replace(medicine), **_envelope(event_id, day))


def _envelope(event_id: str, day: int) -> dict[str, Any]:
    at = DAY_0 + timedelta(days=day)
    envelope = {"event_id": event_id, "source": "bench", "site": "main-street", "revision": (1, 0), "recorded_at": at}
    return envelope | {"key": event_key("bench", event_id), "occurred": Moment.instant(at)}


def cost_us(one: Callable[[History, Catalogue], object], history: History, catalogue: Catalogue, calls: int) -> float:
    """Median over the rounds of the CPU time of a call, in microseconds."""
    for _ in range(min(calls, WARM_UP)):
        one(history, catalogue)
    rounds: list[float] = []
    for _ in range(ROUNDS):
        gc.disable()
        begun = time.process_time_ns()
        for _ in range(calls):
            one(history, catalogue)
        rounds.append((time.process_time_ns() - begun) / calls / 1_000)
        gc.enable()
    return median(rounds)


def measure(calls: int = CALLS) -> dict[str, Any]:
    """Return the document of `--json`."""
    catalogue, started, load = load_catalogue(), datetime.now(UTC), os.getloadavg()[0]
    decided: dict[str, float] = {}
    rendered: dict[str, float] = {}
    for name, cases in scenarios().items():
        costs = {case: cost_us(decide, history, catalogue, calls) for case, history in cases.items()}
        whole = {case: cost_us(assess, history, catalogue, calls) for case, history in cases.items()}
        decided[name] = round(max(costs.values()), 2)
        rendered[name] = round(max(whole[case] - costs[case] for case in cases), 2)
    return {
        "format": 1,
        "commit": _git("rev-parse", "HEAD") or None,
        "dirty": bool(_git("status", "--porcelain")),
        "started_at": started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count(), "load_1_min": round(load, 2)},
        "versions": {"python": platform.python_version(), "ruleset": catalogue.ruleset_version},
        "assess_us": decided,
        "render_us": rendered,
        "targets": TARGETS_US,
    }


def _git(*arguments: str) -> str:
    """Return what git says; nothing where there is no git or no repository."""
    if (git := shutil.which("git")) is None:
        return ""
    command = [git, "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603  # git


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of deciding about a patient, CPU microseconds a call.")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    as_json, document = parser.parse_args().json, measure()
    if as_json:
        print(json.dumps(document))
        return
    print(f"{'':10}{'decide':>10}{'target':>10}{'render':>10}   us a call, on top of it to render")
    for name, target in document["targets"].items():
        print(f"{name:10}{document['assess_us'][name]:>10}{target:>10}{document['render_us'][name]:>10}")


if __name__ == "__main__":
    main()
