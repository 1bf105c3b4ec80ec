"""Every metric of RxGuard, declared once with its meaning and what to do when it is wrong.

Labels take values from closed sets only; no identifier of a patient, an event or a person ever becomes one.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

_LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(frozen=True)
class Metric:
    """A promise: what is measured, what it means and what to do about it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    service: str
    meaning: str
    remedy: str
    labels: tuple[str, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric(
        "rx_service_ready",
        "gauge",
        "all",
        "1 while the service answers in full, else 0",
        "look at the service's log for the last `not_ready` event",
    ),
    Metric(
        "rx_grpc_requests_total",
        "counter",
        "all",
        "gRPC calls answered, by method and status code",
        "rising INTERNAL or UNAVAILABLE: look at the log of the service and at what it depends on",
        ("method", "code"),
    ),
    Metric(
        "rx_grpc_duration_seconds",
        "histogram",
        "all",
        "time to answer a gRPC call, by method",
        "compare with the load; then look at the store the method reads",
        ("method",),
    ),
    Metric(
        "rx_inbound_records_total",
        "counter",
        "prescriptions",
        "medication records taken from rx.inbound.v1, each entry of a Bundle by itself: stored, unchanged, dead_letter",
        "dead_letter: read the header rx-reason-code in rx.inbound.v1.dlq, mend the sender, send again",
        ("outcome",),
    ),
    Metric(
        "rx_uncoded_products",
        "gauge",
        "prescriptions",
        "product codes met that the tables do not know (1,000 are counted); what holds one is NOT_ASSESSED",
        "above 0: `ListUncodedProducts` names them; have them mapped in the drug tables",
    ),
    Metric(
        "rx_inbound_batch_seconds",
        "histogram",
        "prescriptions",
        "time to take a batch, database and acknowledgements of the broker included",
        "seconds: look at PostgreSQL first, then at the broker",
    ),
    Metric(
        "rx_alerts_finding_sets_total",
        "counter",
        "alerts",
        "finding sets read, by what became of them: applied, or outdated because a later one is held",
        "outdated keeps rising: a monitor with an older ruleset or a restored topic is still publishing",
        ("outcome",),
    ),
    Metric(
        "rx_alerts_changes_total",
        "counter",
        "alerts",
        "changes of alerts: opened, changed, resolved",
        "opened far above its usual rate: look at the newest alerts for one source or product in common",
        ("change",),
    ),
    Metric(
        "rx_alerts_open",
        "gauge",
        "alerts",
        "alerts that wait for a person, by severity of the worst line",
        "contraindicated above 0: somebody must act; call the site named in the alert",
        ("severity",),
    ),
    Metric(
        "rx_monitor_events_total",
        "counter",
        "monitor",
        "events taken from the log: skipped unread (irrelevant) or folded into a patient's facts",
        "folded near 100 %: the edge no longer marks irrelevant events; look at the header rx-class",
        ("path",),
    ),
    Metric(
        "rx_monitor_findings_published_total",
        "counter",
        "monitor",
        "finding sets published because they say something else than the one before",
        "far above its usual rate: look for one source that sends corrections in a loop",
    ),
    Metric(
        "rx_monitor_lag_events",
        "gauge",
        "monitor",
        "events of a partition that wait to be assessed",
        "rising: start another monitor, up to one a partition; no progress at all: look at the monitor's log",
        ("partition",),
    ),
    Metric(
        "rx_monitor_batch_seconds",
        "histogram",
        "monitor",
        "time from taking a batch to its progress, acknowledgements of the broker included",
        "seconds: look at rx_monitor_assess_seconds first, then at the broker",
    ),
    Metric(
        "rx_monitor_assess_seconds",
        "histogram",
        "monitor",
        "time to assess one patient once",
        "rising: some patient has a very long history; look at the newest change of the rules too",
    ),
    Metric(
        "rx_monitor_patients",
        "gauge",
        "monitor",
        "patients with a relevant fact in the partitions that this process owns",
        "memory grows with it; 0 on a process that owns partitions with events: the state was lost, stop and rebuild",
    ),
    Metric(
        "rx_monitor_stopped_partitions",
        "gauge",
        "monitor",
        "partitions that stand still because a record of theirs would be too large; their later events wait unchecked",
        "above 0: read `partition_stopped` in the log, raise RXGUARD_MAX_RECORD_BYTES, start the monitor again",
    ),
    Metric(
        "rx_monitor_repaired_records_total",
        "counter",
        "monitor",
        "findings and states written again because somebody else had written an older record after them",
        "rising: two monitors write to one partition; look for one that was paused, or for two with one RXGUARD_MEMBER",
    ),
    Metric(
        "rx_monitor_restore_remaining_records",
        "gauge",
        "monitor",
        "offsets of the changelog that are still to be read before the monitor is ready",
        "not falling: the broker does not deliver; look at its log",
    ),
    Metric(
        "rx_monitor_restored_records_total",
        "counter",
        "monitor",
        "records read from the changelog to restore state",
        "rising without restarts: the consumer group keeps rebalancing; look at sessions that time out",
    ),
    Metric(
        "rx_monitor_unassessed_patients",
        "gauge",
        "monitor",
        "patients whom the ruleset in use has not assessed yet, after a change of the ruleset or in a rebuild",
        "stands still above 0: look at the monitor's log; until they are assessed, earlier findings of them stand",
    ),
    Metric(
        "rx_monitor_reassessed_patients_total",
        "counter",
        "monitor",
        "patients assessed anew in the background",
        "rising without a new ruleset or a rebuild: two monitors with different rulesets take turns; run one release",
    ),
    Metric(
        "rx_checks_total",
        "counter",
        "interactions",
        "dispenses checked, by answer",
        "NOT_ASSESSED rises: products without a known code are asked about; see `ListUncodedProducts`",
        ("answer",),
    ),
    Metric(
        "rx_compounding_plans_total",
        "counter",
        "compounding",
        "batches asked about, by outcome: planned or refused",
        "refused rises: a caller sends fields that are missing or out of range; its answers name them",
        ("outcome",),
    ),
)

_DECLARED = {metric.name: metric for metric in METRICS}


@cache
def metric(name: str) -> Counter | Gauge | Histogram:
    """The collector of a declared metric. Raises KeyError for a name that is not declared."""
    declared = _DECLARED[name]
    if declared.kind == "histogram":
        return Histogram(name, declared.meaning, declared.labels, registry=REGISTRY, buckets=_LATENCY_BUCKETS)
    if declared.kind == "gauge":
        return Gauge(name, declared.meaning, declared.labels, registry=REGISTRY)
    return Counter(name, declared.meaning, declared.labels, registry=REGISTRY)


def counter(name: str) -> Counter:
    """A declared counter."""
    found = metric(name)
    if not isinstance(found, Counter):
        raise TypeError(f"{name} is declared as a {_DECLARED[name].kind}")
    return found


def gauge(name: str) -> Gauge:
    """A declared gauge."""
    found = metric(name)
    if not isinstance(found, Gauge):
        raise TypeError(f"{name} is declared as a {_DECLARED[name].kind}")
    return found


def histogram(name: str) -> Histogram:
    """A declared histogram of seconds."""
    found = metric(name)
    if not isinstance(found, Histogram):
        raise TypeError(f"{name} is declared as a {_DECLARED[name].kind}")
    return found


def expose(service: str) -> None:
    """Create the declared metrics of `service`, so that each is there from the first scrape."""
    for declared in METRICS:
        if declared.service in ("all", service):
            metric(declared.name)
