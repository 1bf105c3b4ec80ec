"""The declaration of the metrics: what it refuses, and that the code uses exactly what it declares."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from rx_alerts.domain.lifecycle import ChangeKind
from rx_alerts.domain.model import AlertSeverity
from rx_interactions.domain.answer import Answer
from rx_runtime.telemetry.declaration import load_metrics
from rx_runtime.telemetry.metrics import METRICS, counter, gauge

ROOT = Path(__file__).resolve().parents[3]
DECLARED = {metric.name: metric for metric in METRICS}
VALID = """
[buckets]
latency = [0.1, 1]
[[metric]]
name = "rx_answers_total"
kind = "counter"
unit = "answers"
service = "all"
meaning = "answers"
remedy = "none"
labels.outcome = ["good", "bad"]
"""


def test_a_declaration_is_loaded():
    (metric,) = load_metrics(VALID)
    assert (metric.name, metric.kind, metric.labels) == ("rx_answers_total", "counter", {"outcome": ("good", "bad")})


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "rx_answers_total"\n', "", "a metric without name: name: Field required"),
        ("rx_answers_total", "rx_answers", "rx_answers: metric: Value error, a counter ends with _total"),
        ("rx_answers_total", "answers_total", "answers_total: name: String should match pattern"),
        ('kind = "counter"', 'kind = "summary"', "rx_answers_total: kind: Input should be"),
        ('unit = "answers"', "", "rx_answers_total: unit: Field required"),
        ('service = "all"', 'service = "web"', "rx_answers_total: service: Input should be"),
        ('remedy = "none"', 'remedy = ""', "rx_answers_total: remedy: String should have at least 1"),
        ('remedy = "none"', 'remedy = "none"\ncolour = "red"', "rx_answers_total: colour: Extra inputs"),
        ('"good", "bad"', '"good", "good"', "rx_answers_total: metric: Value error, label outcome lists a value twice"),
        ('"good", "bad"', "", "rx_answers_total: labels.outcome"),
        ('remedy = "none"', 'remedy = "none"\nbuckets = "size"', "rx_answers_total: no buckets are named size"),
        ('remedy = "none"', 'remedy = "none"\nbuckets = "latency"', "a histogram names its buckets"),
        ('"counter"', '"histogram"', "rx_answers_total: metric: Value error, a counter ends with _total"),
        ("[buckets]", "[bucket]", "unknown tables: bucket"),
        (
            "[buckets]",
            VALID.partition("[[metric]]")[1] + VALID.partition("[[metric]]")[2] + "[buckets]",
            "declared twice",
        ),
    ],
)
def test_a_wrong_declaration_is_refused_by_the_name_of_the_metric(old: str, new: str, problem: str):
    assert old in VALID
    with pytest.raises(ValueError, match=re.escape(problem)):
        load_metrics(VALID.replace(old, new, 1))


def test_a_name_that_is_declared_twice_is_refused():
    with pytest.raises(ValueError, match="declared twice: rx_answers_total"):
        load_metrics(VALID + VALID[VALID.index("[[metric]]") :])


@pytest.mark.parametrize(
    ("name", "buckets", "problem"),
    [
        ("rx_answer_time", "[0.1, 1]", "a histogram ends with its unit"),
        ("rx_answer_seconds", "[1, 0.1]", "bucket bounds rise"),
    ],
)
def test_a_wrong_histogram_is_refused(name: str, buckets: str, problem: str):
    text = VALID.replace("[0.1, 1]", buckets).replace("rx_answers_total", name).replace('"counter"', '"histogram"')
    with pytest.raises(ValueError, match=problem):
        load_metrics(text.replace('"answers"', '"seconds"', 1) + 'buckets = "latency"\n')


def test_a_misspelt_name_or_kind_raises():
    with pytest.raises(KeyError):
        counter("rx_checks")
    with pytest.raises(TypeError, match="rx_service_ready is declared as a gauge"):
        counter("rx_service_ready")
    with pytest.raises(TypeError, match="rx_checks_total is declared as a counter"):
        gauge("rx_checks_total")


class Use(NamedTuple):
    """A place that names a metric."""

    place: str
    kind: str
    name: str | None  # None: not a literal
    labels: tuple[tuple[str, str | None], ...] | None  # None: `labels` is not called there


def uses() -> Iterator[Use]:
    """Every call of counter, gauge or histogram in the packages."""
    for package in (*ROOT.glob("shared/*/src"), *ROOT.glob("services/*/src"), ROOT / "cli/src"):
        for path in package.rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            labelled = {
                id(node.func.value): tuple((word.arg, literal(word.value)) for word in node.keywords)
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "labels"
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield Use(place, node.func.id, literal(node.args[0]), labelled.get(id(node)))


KINDS = {"counter", "gauge", "histogram"}


def literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


USES = list(uses())


def test_every_use_names_a_declared_metric_of_its_kind_and_service():
    wrong = []
    for use in USES:
        declared = DECLARED.get(use.name)
        folder = use.place.split("/")[1]
        if declared is None or declared.kind != use.kind or declared.service not in ("all", folder):
            wrong.append(use)
    assert wrong == []


def test_every_use_gives_the_declared_labels_and_listed_values():
    for use in USES:
        declared = DECLARED[use.name].labels
        if use.labels is not None:
            assert {name for name, _ in use.labels} == declared.keys(), use.place
            for name, value in use.labels:
                assert value is None or isinstance(declared[name], str) or value in declared[name], use.place


def test_every_declared_metric_is_used():
    assert DECLARED.keys() - {use.name for use in USES} == set()


def test_listed_label_values_are_those_of_the_enums():
    assert DECLARED["rx_alerts_open"].labels["severity"] == tuple(one.name.lower() for one in AlertSeverity)
    assert DECLARED["rx_alerts_changes_total"].labels["change"] == tuple(ChangeKind)
    assert DECLARED["rx_checks_total"].labels["answer"] == tuple(Answer)
