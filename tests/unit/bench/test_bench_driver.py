"""The driver: how often an engine runs, on how much of the log, and what becomes of one that fails."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from bench import __main__ as driver
from bench.catalogue import Engine
from bench.reference import Tally
from bench.results import Results
from bench.runs import EngineFailedError, Run
from bench.workload import Workload

RIGHT = Tally(findings=1, digest="", records=None)


class FakeBench(driver.Bench):
    async def event_log(self, events):
        return events


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """A bench whose engines are given by name: how many events a second each does, or what it raises."""
    asked = []

    def made(rates, **plan):
        def engine(name, rate):
            async def run(_place, events):
                asked.append((name, events))
                if isinstance(rate, Exception):
                    raise rate
                return Run(of=events, events=events, seconds=events / rate, got=RIGHT)

            return Engine(
                run=run,
                expected=lambda _reference, _events: RIGHT,
                prepare=lambda _folder: "no Java" if rate == 0 else "",
                slow=name == "slow",
                warms_up=name == "warming",
            )

        monkeypatch.setattr(driver, "CATALOGUE", {name: engine(name, rate) for name, rate in rates.items()})
        arguments = ["--engines", ",".join(rates), *(f"--{key}={value}" for key, value in plan.items())]
        planned, _ = driver.planned(arguments)
        workload = Workload(path=tmp_path / "log.bin", sha256="", seed=1, events=planned.events, patients=1)
        results = Results(
            started_at=datetime(2026, 1, 1, tzinfo=UTC), workload=workload, mode="full", order_seed=1, load_at_start=0
        )
        fake = FakeBench(
            plan=planned,
            stack=None,
            directory=SimpleNamespace(folder=Path()),
            workload=workload,
            results=results,
            console=Console(quiet=True),
        )
        return fake, asked

    return made


async def test_each_engine_runs_as_often_as_planned_in_an_order_that_the_seed_decides(bench):
    async def order(seed):
        given, asked = bench({"one": 1e6, "other": 1e6}, events=100_000, repeats=3, **{"order-seed": seed})
        asked.clear()
        await driver.run_engines(given)
        return [name for name, _ in asked], given.results

    first, results = await order(1)
    assert sorted(first) == ["one"] * 3 + ["other"] * 3
    assert {name: len(runs) for name, runs in results.runs.items()} == {"one": 3, "other": 3}
    assert (await order(1))[0] == first
    assert any([(await order(seed))[0] != first for seed in range(2, 8)])


@pytest.mark.parametrize(
    ("name", "rate", "trial", "size"),
    [
        ("quick", 50_000, 100_000, 2_000_000),
        ("middling", 10_000, 100_000, 500_000),
        ("middling", 2_000, 100_000, 100_000),
        ("slow", 1_000, 20_000, 50_000),
        ("slow", 100, 20_000, 20_000),
        ("warming", 10_000, 100_000, 2_000_000),
    ],
)
async def test_a_trial_decides_how_much_of_the_log_an_engine_gets(bench, name, rate, trial, size):
    given, asked = bench({name: rate})
    await driver.run_engines(given)
    assert asked == [(name, trial), *[(name, size)] * 3]
    assert len(given.results.runs[name]) == 3


async def test_an_engine_that_fails_is_not_tried_again_and_the_others_go_on(bench):
    given, asked = bench({"broken": EngineFailedError("its log"), "sound": 1e6}, events=100_000)
    await driver.run_engines(given)
    assert [name for name, _ in asked].count("broken") == 1
    assert given.results.missing["broken"] == "its log"
    assert len(given.results.runs["sound"]) == 3


async def test_an_engine_that_cannot_be_prepared_is_missing_with_the_reason(bench):
    given, asked = bench({"java": 0}, events=100_000)
    await driver.run_engines(given)
    assert (asked, given.results.missing) == ([], {"java": "no Java"})


async def test_a_part_that_fails_is_missing_and_what_there_is_is_kept(bench, monkeypatch):
    given, _ = bench({"sound": 1e6}, events=100_000)

    async def fails(found):
        found.results.metrics["bytes_per_patient"] = 500
        raise EngineFailedError("no alert came")

    async def succeeds(found):
        found.results.metrics["assess_us"] = {"pair": 1.0}

    class Prepared:
        async def __aenter__(self):
            return given

        async def __aexit__(self, *_):
            return None

    parts = {"latency": (fails, ("latency_ms", "bytes_per_patient")), "core": (succeeds, ("assess_us",))}
    monkeypatch.setattr(driver, "PARTS", parts)
    monkeypatch.setattr(driver, "prepared", lambda _plan, _console: Prepared())
    plan = driver.planned(["--engines", "sound"])[0]
    kept = []
    document = await driver.measure(plan, given.console, kept.append)
    assert document["missing"]["latency_ms"] == "no alert came"
    assert document["metrics"]["bytes_per_patient"] == 500
    assert "bytes_per_patient" not in document["missing"]
    assert document["metrics"]["assess_us"] == {"pair": 1.0}
    assert [one["metrics"].get("assess_us") for one in kept] == [None, {"pair": 1.0}]
