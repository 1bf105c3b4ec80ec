"""The document `bench/results/latest.json`: what was run, what came of it, and why the rest is missing."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rx_clinical import load_catalogue

from bench.reference import Tally
from bench.runs import Run
from bench.workload import Workload

OURS = ("rxguard_full_1p", "rxguard_full_2p", "rxguard_minimal_1p", "rxguard_minimal_2p")
OTHERS = ("plain_faust", "quix", "plain_aiokafka", "kafka_streams_rocksdb", "kafka_streams_memory")
ENGINES = (*OURS, *OTHERS)
RATIOS = {
    "ratio_to_kafka_streams_rocksdb": ("rxguard_minimal_2p", "kafka_streams_rocksdb"),  # processes = threads
    "ratio_to_plain_aiokafka": ("rxguard_minimal_1p", "plain_aiokafka"),
    "ratio_to_plain_faust": ("rxguard_minimal_1p", "plain_faust"),
    "ratio_to_quix": ("rxguard_minimal_1p", "quix"),
}
METRICS = (
    "monitor_events_per_s",
    *RATIOS,
    "latency_ms",
    "restore_records_per_s",
    "bytes_per_patient",
    "assess_us",
)
"""What the document promises: each stands in `metrics` or in `missing`."""

FOLDER = Path(__file__).with_name("results")
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(kw_only=True)
class Results:
    """Collects what is measured."""

    started_at: datetime
    workload: Workload
    mode: str
    order_seed: int
    load_at_start: float
    runs: dict[str, list[Run]] = field(default_factory=dict)
    expected: dict[str, Tally] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def add(self, engine: str, run: Run, expected: Tally) -> None:
        """Keep a run, or note that its output is not what the reference gives: then the engine has no result."""
        if differs := _difference(run.got, expected):
            self.fail(engine, f"its output is not that of the reference: {differs}")
        if engine not in self.missing:
            self.expected[engine] = expected
            self.runs.setdefault(engine, []).append(run)

    def fail(self, engine: str, reason: str) -> None:
        """Record that an engine failed; earlier runs of it do not count."""
        self.missing[engine] = reason
        self.runs.pop(engine, None)

    def not_measured(self, metrics: Iterable[str], reason: str) -> None:
        """Record no value for the metrics that have none yet."""
        self.missing |= {name: reason for name in metrics if name not in self.metrics}

    def forget(self, engine: str) -> None:
        """Drop the runs so far: they were trials."""
        self.runs.pop(engine, None)

    def document(self) -> dict[str, Any]:
        """Return the whole document, as README.md describes it."""
        engines = {name: self._engine(name) for name in ENGINES if name in self.runs}
        metrics = derived(engines) | self.metrics
        missing = self.missing | {
            name: "not run" for name in ENGINES if name not in engines and name not in self.missing
        }
        for name in METRICS:
            if name not in metrics:
                missing.setdefault(name, _why(name, missing))
        return {
            "format": 1,
            "commit": git("rev-parse", "HEAD") or None,
            "dirty": bool(git("status", "--porcelain", "--", ".", ":!bench/results")),
            "started_at": self.started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "mode": self.mode,
            "order_seed": self.order_seed,
            "machine": {
                "system": platform.platform(),
                "processor": _processor(),
                "cpus": os.cpu_count(),
                "load_1_min": round(self.load_at_start, 2),
            },
            "versions": versions() | self.versions,
            "workload": self.workload.description(),
            "engines": engines,
            "metrics": metrics,
            "missing": missing,
        }

    def _engine(self, name: str) -> dict[str, Any]:
        runs, expected = self.runs[name], self.expected[name]
        verified: dict[str, Any] = {"expected_findings": expected.findings, "got": runs[-1].got.findings}
        if expected.records is not None:
            verified |= {"expected_records": expected.records, "got_records": runs[-1].got.records}
        return {
            "runs": [round(run.events_per_s) for run in runs],
            "median_events_per_s": round(median(run.events_per_s for run in runs)),
            "events": runs[-1].of,
            "seconds": [round(run.seconds, 2) for run in runs],
            "verified": verified,
        }


def derived(engines: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metrics that follow from the medians of the engines."""
    medians = {name: engine["median_events_per_s"] for name, engine in engines.items()}
    metrics: dict[str, Any] = {}
    if ours := {name: medians[name] for name in OURS if name in medians}:
        metrics["monitor_events_per_s"] = ours
    for name, (engine, other) in RATIOS.items():
        if engine in medians and other in medians:
            metrics[name] = round(medians[engine] / medians[other], 3)
    return metrics


def _difference(got: Tally, expected: Tally) -> str:
    if got.findings != expected.findings:
        return f"{got.findings} findings instead of {expected.findings}"
    if got.digest != expected.digest:
        return f"{got.findings} findings as expected, but not the same ones"
    if expected.records is not None and got.records != expected.records:
        return f"the same findings in {got.records} records instead of {expected.records}"
    return ""


def _why(metric: str, missing: Mapping[str, str]) -> str:
    wanted = RATIOS.get(metric, ())
    return "; ".join(f"{name}: {missing[name]}" for name in wanted if name in missing) or "not run"


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    packages = ("faust-streaming", "aiokafka", "protobuf")
    of_packages = {name: version(name) for name in packages}
    return {"python": platform.python_version(), "ruleset": load_catalogue().ruleset_version} | of_packages


def git(*arguments: str) -> str:
    """Return what git says; nothing where there is no git or no repository."""
    if (program := shutil.which("git")) is None:
        return ""
    command = [program, "-C", str(_ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603  # git


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
