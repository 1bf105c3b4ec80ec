"""The current findings among all that were ever published."""

from pharmacy.events.v1.finding_pb2 import Finding, FindingSet
from rxguard.client.findings import counted, documents, newest

ANNA, BERT = b"a" * 16, b"b" * 16


def published(patient: bytes, position: int, *rules: str, ruleset: int = 1, build: int = 0) -> FindingSet:
    findings = [
        Finding(finding_id=rule.encode().ljust(16), rule=rule, severity="SEVERITY_MAJOR", display="DISPLAY_QUEUE")
        for rule in rules
    ]
    return FindingSet(patient=patient, position=position, ruleset_seq=ruleset, build=build, findings=findings)


def test_the_highest_position_stands_whatever_came_last() -> None:
    held = newest([published(ANNA, 5, "WR-02"), published(ANNA, 3, "WR-01", "WR-03")])
    assert [finding.rule for finding in held[ANNA].findings] == ["WR-02"]


def test_a_newer_ruleset_stands_before_a_higher_position() -> None:
    held = newest([published(ANNA, 5, "WR-02", ruleset=2), published(ANNA, 9, "WR-01", ruleset=1)])
    assert [finding.rule for finding in held[ANNA].findings] == ["WR-02"]


def test_a_rebuild_stands_before_whatever_was_published_before_it() -> None:
    held = newest([published(ANNA, 9, "WR-01", ruleset=2), published(ANNA, -1, build=1)])
    assert documents(held) == []


def test_a_finding_that_is_absent_from_the_newest_set_is_withdrawn() -> None:
    held = newest([published(ANNA, 5, "WR-02"), published(ANNA, 6)])
    assert documents(held) == []


def test_only_patients_of_the_file_are_counted() -> None:
    held = newest([published(ANNA, 1, "WR-02", "PK-01"), published(BERT, 2, "WR-02")])
    assert counted(held, {ANNA, b"c" * 16}) == {"active": 2, "by_rule": {"PK-01": 1, "WR-02": 1}}
    assert counted(held, {ANNA, BERT})["by_rule"] == {"PK-01": 1, "WR-02": 2}
