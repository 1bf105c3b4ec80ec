"""What Prometheus asks for and Grafana shows is what the services measure, and each figure says what to do."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from rx_runtime.telemetry.metrics import METRICS
from rxguard.client.connect import SERVICES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
GRAFANA = DEPLOY / "grafana"
COMPOSE = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())
FROM_PROMETHEUS = {"up": {"job", "service"}}
TARGET_LABELS = {"job", "service", "instance"}


def exported() -> dict[str, set[str]]:
    """Every series that a service shows, with its labels."""
    series = dict(FROM_PROMETHEUS)
    for one in METRICS:
        labels = {*one.labels, *TARGET_LABELS}
        if one.kind == "histogram":
            series |= {f"{one.name}_bucket": labels | {"le"}, f"{one.name}_sum": labels, f"{one.name}_count": labels}
        else:
            series[one.name] = labels
    return series


@cache
def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


@cache
def panels() -> list[dict[str, Any]]:
    document = json.loads((GRAFANA / "dashboards/rxguard.json").read_text())
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Where an expression stands, and the expression as Prometheus gets it."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m")


def nodes(expression: str) -> list[Any]:
    """The expression and everything in it."""
    found: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), found.append)
    return found


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    return [one for one in nodes(expression) if isinstance(one, promql_parser.VectorSelector)]


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_an_expression_asks_for_series_and_labels_that_a_service_shows(place: str, expression: str):
    series = exported()
    asked = selectors(expression)
    assert [one.name for one in asked if one.name not in series] == []
    for one in asked:
        assert {matcher.name for matcher in one.matchers.matchers} <= series[one.name], one.name
    known = set.union(*(series[one.name] for one in asked))
    for one in nodes(expression):
        if isinstance(one, promql_parser.AggregateExpr) and one.modifier:
            assert set(one.modifier.labels) <= known, place


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_counters_are_read_as_rates_or_beside_their_own_past(place: str, expression: str):
    asked = selectors(expression)
    ranges = {str(one.vector_selector) for one in nodes(expression) if isinstance(one, promql_parser.MatrixSelector)}
    past = {one.name for one in asked if one.offset}
    plain = {one.name for one in asked if str(one) not in ranges} - past
    assert [name for name in plain if name.endswith(("_total", "_bucket", "_sum", "_count"))] == [], place


def test_prometheus_asks_every_service_of_the_compose_file():
    document = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    (job,) = document["scrape_configs"]
    asked = {one["labels"]["service"]: one["targets"] for one in job["static_configs"]}
    assert asked == {service: [f"{service}:9464"] for service in SERVICES}
    assert job["job_name"] == "rxguard"
    assert [(DEPLOY / "prometheus" / name).is_file() for name in document["rule_files"]] == [True]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"RxGuard[A-Z][A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "remedy"}


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_says_its_unit_what_it_means_and_what_to_do(panel: dict[str, Any]):
    assert panel["fieldConfig"]["defaults"]["unit"]
    meaning, _, remedy = panel["description"].partition(" Remedy: ")
    assert meaning
    assert remedy
    assert panel["datasource"]["uid"] == "prometheus"


def test_panels_stand_beside_each_other_and_have_ids_of_their_own():
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken = [
        (x, y)
        for position in (panel["gridPos"] for panel in panels())
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def test_every_declared_metric_is_shown_to_somebody():
    asked = {re.sub(r"_(bucket|sum|count)$", "", one.name) for _, text in expressions() for one in selectors(text)}
    assert {one.name for one in METRICS} - asked == set()


def test_grafana_is_given_the_data_source_and_the_folder_that_the_dashboard_names():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert source["uid"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/rxguard.yaml").read_text())["providers"]
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["services"]["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/rxguard.json"
