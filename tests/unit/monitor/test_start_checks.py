"""What a monitor refuses to go on with: each refusal names the command that repairs it."""

import pytest
from pharmacy.events.v1.monitor_pb2 import MonitorProgress, Rebuild
from rx_monitor.operations.start_checks import check_continues, check_partitions, check_progress
from rx_runtime.errors import RefusedToRun
from rx_runtime.installation import Installation
from rx_runtime.kafka.topic_identity import TopicIdentity

SINCE = 3
HERE = Installation("broker:9092", "here")
TOPICS = {"events": "rx.medication-events.v1", "findings": "rx.findings.v1", "states": "rx.monitor-state.v1"}


def report(**fields):
    ours = {
        "topic_id": "events-1",
        "state_topic_id": "states-1",
        "findings_topic_id": "findings-1",
        "ruleset_version": "rules-5",
        "ruleset_seq": 5,
    }
    return MonitorProgress(**ours | fields)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(report(), id="our own"),
        pytest.param(report(ruleset_seq=4, ruleset_version="rules-4"), id="a ruleset that read as much"),
        pytest.param(report(ruleset_seq=3, ruleset_version="rules-3"), id="the oldest that read as much"),
        pytest.param(report(state_topic_id="", findings_topic_id=""), id="a report that names fewer topics"),
        pytest.param(report(rebuild=Rebuild(end_position=9)), id="a rebuild that goes on"),
    ],
)
def test_a_monitor_goes_on_with(written):
    check_continues(written, report(), SINCE)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (report(topic_id="events-2"), "TOPIC_RECREATED"),
        (report(state_topic_id="states-2"), "STATE_LOST"),
        (report(findings_topic_id="findings-2"), "FINDINGS_LOST"),
        (report(rebuild=Rebuild(clearing=True)), "REBUILD_UNFINISHED"),
        (report(ruleset_version="rules-5b"), "RULESET_CHANGED"),
        (report(ruleset_seq=6, ruleset_version="rules-6"), "RULESET_OLDER"),
        (report(ruleset_seq=2, ruleset_version="rules-2"), "RULESET_READS_MORE"),
    ],
)
def test_a_monitor_refuses_and_names_the_rebuild(written, code):
    with pytest.raises(RefusedToRun, match="`rxguard monitor rebuild`") as refused:
        check_continues(written, report(), SINCE)
    assert refused.value.code == code
    assert refused.value.exit_code == 5


def refusal(topics):
    """The code with which the start is refused; None if it is not."""
    try:
        check_partitions(HERE, topics)
    except RefusedToRun as refused:
        return refused.code
    return None


def counts(**partitions):
    return {HERE.topic(TOPICS[name]): TopicIdentity(f"{name}-1", count) for name, count in partitions.items()}


@pytest.mark.parametrize(("states", "code"), [(4, None), (8, "PARTITIONS_DIFFER")])
def test_a_monitor_starts_on_equal_partition_counts_and_on_no_others(states, code):
    assert refusal(counts(events=4, findings=4, states=states)) == code


@pytest.mark.parametrize(
    ("differing", "repair", "other"),
    [
        ({"findings": 3}, "`rxguard topics apply --partitions 4`", ""),
        ({"states": 8}, "`rxguard monitor rebuild`", "topics apply"),
    ],
)
def test_unequal_partition_counts_are_refused_and_the_repair_named(differing, repair, other):
    with pytest.raises(RefusedToRun) as refused:
        check_partitions(HERE, counts(**{"events": 4, "findings": 4, "states": 4} | differing))
    assert refused.value.code == "PARTITIONS_DIFFER"
    assert repair in refused.value.message
    assert not other or other not in refused.value.message


def test_a_group_that_came_on_without_a_report_is_refused():
    with pytest.raises(RefusedToRun, match="`rxguard monitor rebuild`") as refused:
        check_progress({0: report()}, {0: 0, 1: 0}, {0: 7, 1: 7})
    assert refused.value.code == "PROGRESS_LOST"


def test_a_group_that_has_not_come_on_needs_no_report():
    """The monitor that wrote its first offsets died before its first report; the log has been cut since."""
    check_progress({}, {0: 0, 1: 5}, {0: 0, 1: 3})
