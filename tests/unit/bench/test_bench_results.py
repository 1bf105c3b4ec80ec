"""The document of a bench has what others read from it, and no figure of an engine whose output is wrong."""

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import plots, report
from bench.reference import Tally
from bench.results import ENGINES, METRICS, Results
from bench.runs import Run
from bench.workload import Workload

RIGHT = Tally(findings=5, digest="d", records=7)


def run(rate, got=RIGHT):
    return Run(of=300, events=rate * 2, seconds=2.0, got=got)


@pytest.fixture
def results():
    workload = Workload(path=Path("x"), sha256="abc", seed=1, events=100, patients=10)
    started = datetime(2026, 11, 25, 3, tzinfo=UTC)
    return Results(started_at=started, workload=workload, mode="quick", order_seed=4, load_at_start=0.5)


@pytest.fixture
def document(results):
    for engine, rates in {
        "rxguard_minimal_1p": (40, 60, 50),
        "rxguard_minimal_2p": (90, 100, 80),
        "kafka_streams_rocksdb": (60, 45, 50),
        "plain_aiokafka": (100, 100, 100),
        "plain_faust": (2, 2, 2),
    }.items():
        for rate in rates:
            results.add(engine, run(rate), RIGHT)
    results.fail("quix", "no network")
    results.metrics["latency_ms"] = {"50": {"p50": 5.0, "p99": 9.0}, "200": {"p50": 6.0, "p99": 20.0}}
    return results.document()


def test_it_has_the_keys_that_others_read(document):
    assert document["format"] == 1
    assert {"commit", "dirty", "started_at", "machine", "versions", "workload", "engines", "metrics", "missing"} < set(
        document
    )
    assert document["started_at"] == "2026-11-25T03:00:00Z"
    assert document["workload"] == {"sha256": "abc", "seed": 1, "events": 100, "patients": 10}
    assert document["engines"]["rxguard_minimal_1p"]["runs"] == [40, 60, 50]
    assert document["engines"]["rxguard_minimal_1p"]["median_events_per_s"] == 50
    verified = document["engines"]["rxguard_minimal_1p"]["verified"]
    assert (verified["expected_findings"], verified["got"]) == (5, 5)
    assert json.loads(json.dumps(document)) == document


def test_the_ratios_are_of_the_medians(document):
    metrics = document["metrics"]
    assert metrics["monitor_events_per_s"] == {"rxguard_minimal_1p": 50, "rxguard_minimal_2p": 90}
    assert metrics["ratio_to_kafka_streams_rocksdb"] == pytest.approx(90 / 50)
    assert metrics["ratio_to_plain_aiokafka"] == pytest.approx(0.5)
    assert metrics["ratio_to_plain_faust"] == pytest.approx(25)


def test_what_was_not_run_is_missing_with_the_reason_and_nothing_is_both(document):
    assert document["missing"]["quix"] == "no network"
    assert document["missing"]["ratio_to_quix"] == "quix: no network"
    assert document["missing"]["rxguard_full_1p"] == "not run"
    assert document["missing"]["assess_us"] == "not run"
    present = document["engines"].keys() | document["metrics"].keys()
    assert not present & document["missing"].keys()
    assert present | document["missing"].keys() == {*ENGINES, *METRICS}


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (Tally(findings=4, digest="d", records=7), "4 findings instead of 5"),
        (Tally(findings=5, digest="e", records=7), "not the same ones"),
        (Tally(findings=5, digest="d", records=8), "8 records instead of 7"),
    ],
)
@pytest.mark.parametrize("right_before", [True, False])
def test_an_engine_whose_output_is_wrong_once_has_no_result(results, got, says, right_before):
    verdicts = [RIGHT, got] if right_before else [got, RIGHT]
    for one in verdicts:
        results.add("quix", run(10, one), RIGHT)
    document = results.document()
    assert "quix" not in document["engines"]
    assert says in document["missing"]["quix"]


def test_how_many_records_lead_to_the_findings_is_not_compared_where_that_is_not_defined(results):
    results.add("rxguard_full_1p", run(10), Tally(findings=5, digest="d", records=None))
    assert set(results.document()["engines"]["rxguard_full_1p"]["verified"]) == {"expected_findings", "got"}


def test_a_trial_is_no_run(results):
    results.add("quix", run(10), RIGHT)
    results.forget("quix")
    assert results.document()["missing"]["quix"] == "not run"


def test_the_table_names_every_engine_and_every_gap(document):
    lines = "\n".join(report.table(document))
    assert all(name in lines for name in (*document["engines"], *document["metrics"], *document["missing"]))


def test_the_pictures_are_well_formed_and_true_to_scale(document):
    drawn = plots.pictures(document)
    assert drawn.keys() == {"engines", "latency"}
    roots = {name: ET.fromstring(picture) for name, picture in drawn.items()}  # noqa: S314  # drawn by us
    bars = [float(bar.get("width")) for bar in roots["engines"].iter("{http://www.w3.org/2000/svg}rect")][1:]
    rates = sorted((engine["median_events_per_s"] for engine in document["engines"].values()), reverse=True)
    assert [bar / bars[0] for bar in bars] == pytest.approx([rate / rates[0] for rate in rates], abs=0.001)
    texts = {text.text for text in roots["latency"].iter("{http://www.w3.org/2000/svg}text")}
    assert {"p50", "p99", "5", "20", "200"} <= texts


def test_the_figures_go_between_the_marks_of_the_readme(document, monkeypatch, tmp_path):
    readme = tmp_path / "README.md"
    monkeypatch.setattr(report, "README", readme)
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_readme(document, "results")
    text = readme.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n2026-11-25")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "old" not in text
    assert "| `rxguard_minimal_1p` | 50 | 40 to 60 |" in text
    assert "| `quix` | missing: no network |" in text
    report.write_readme(document, "results")
    assert readme.read_text() == text


def test_the_figures_of_the_readme_are_those_of_the_last_whole_bench():
    readme = report.README.read_text()
    assert 0 < readme.index(report.BEGIN) < readme.index(report.END)
    latest = report.README.parent / "results" / "latest.json"
    if latest.exists() and (kept := json.loads(latest.read_text()))["mode"] == "full":
        assert "\n".join(report.markdown(kept, "results")) in readme
