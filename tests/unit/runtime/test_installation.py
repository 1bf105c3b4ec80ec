"""How the names of an installation are kept apart from those of others on the same servers."""

from rx_runtime.installation import Installation


def test_without_a_namespace_every_name_is_that_of_the_registry():
    plain = Installation("broker:9092")
    assert plain.topic("rx.findings.v1") == "rx.findings.v1"
    assert plain.group("rx-monitor") == "rx-monitor"
    assert plain.schema_name("alerts") == "alerts"


def test_a_namespace_is_joined_to_each_kind_of_name_as_its_server_allows():
    named = Installation("broker:9092", "t1")
    assert named.topic("rx.findings.v1") == "t1.rx.findings.v1"
    assert named.group("rx-monitor") == "t1-rx-monitor"
    assert named.schema_name("alerts") == "t1_alerts"
