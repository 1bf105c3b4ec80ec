"""Collectors of the metrics that `metrics.toml` declares.

Name a metric by a literal: a test compares every name, kind and label in the code with the declaration.
"""

from functools import cache
from importlib.resources import files

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from rx_runtime.telemetry.declaration import Metric, load_metrics

REGISTRY = CollectorRegistry()
METRICS = load_metrics((files(__package__) / "metrics.toml").read_text(encoding="utf-8"))
_DECLARED: dict[str, Metric] = {metric.name: metric for metric in METRICS}


@cache
def metric(name: str) -> Counter | Gauge | Histogram:
    """Return the collector of a declared metric. Raises KeyError for a name that is not declared."""
    declared = _DECLARED[name]
    labels = tuple(declared.labels)
    if declared.kind == "histogram":
        return Histogram(name, declared.meaning, labels, registry=REGISTRY, buckets=declared.buckets)
    if declared.kind == "gauge":
        return Gauge(name, declared.meaning, labels, registry=REGISTRY)
    return Counter(name, declared.meaning, labels, registry=REGISTRY)


def counter(name: str) -> Counter:
    """Return a declared counter. Raises KeyError if it is not declared, TypeError if it is another kind."""
    found = metric(name)
    if not isinstance(found, Counter):
        raise TypeError(f"{name} is declared as a {_DECLARED[name].kind}")
    return found


def gauge(name: str) -> Gauge:
    """Return a declared gauge. Raises as `counter` does."""
    found = metric(name)
    if not isinstance(found, Gauge):
        raise TypeError(f"{name} is declared as a {_DECLARED[name].kind}")
    return found


def histogram(name: str) -> Histogram:
    """Return a declared histogram of seconds. Raises as `counter` does."""
    found = metric(name)
    if not isinstance(found, Histogram):
        raise TypeError(f"{name} is declared as a {_DECLARED[name].kind}")
    return found


def expose(service: str) -> None:
    """Create the declared metrics of `service`, so that each appears from the first scrape on."""
    for declared in METRICS:
        if declared.service in ("all", service):
            metric(declared.name)
