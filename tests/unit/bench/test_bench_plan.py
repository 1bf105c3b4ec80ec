"""What a command line asks the bench for."""

from types import SimpleNamespace

import pytest

from bench.__main__ import PARTS, planned
from bench.catalogue import CATALOGUE
from bench.preparing import kafka_streams
from bench.results import ENGINES


def test_the_whole_bench_runs_every_engine_three_times_over_two_million_events():
    plan, _ = planned([])
    assert (plan.events, plan.repeats, plan.quick) == (2_000_000, 3, False)
    assert plan.engines == ENGINES
    assert plan.parts == tuple(PARTS)
    assert CATALOGUE.keys() == set(ENGINES)


def test_the_quick_one_runs_every_engine_once_over_less():
    plan, _ = planned(["--quick"])
    assert (plan.events, plan.repeats, plan.quick) == (100_000, 1, True)
    assert plan.engines == ENGINES


def test_the_order_of_the_engines_is_another_one_each_time_unless_given():
    assert len({planned([])[0].order_seed for _ in range(5)}) > 1
    assert planned(["--order-seed", "3"])[0].order_seed == 3


def test_an_unknown_engine_or_part_is_refused(capsys):
    for arguments in (["--engines", "flink"], ["--parts", "everything"]):
        with pytest.raises(SystemExit):
            planned(arguments)
        assert arguments[1] in capsys.readouterr().err


def test_without_maven_kafka_streams_is_missing_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "bench.preparing.shutil", SimpleNamespace(which=lambda name: "java" if name == "java" else None)
    )
    assert kafka_streams(tmp_path) == "no Maven on this machine"
