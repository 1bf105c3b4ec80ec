"""Which servers a command speaks to."""

from pathlib import Path

import pytest
from rx_embedded import DataFolder
from rx_runtime.errors import DependencyUnavailable
from rxguard.client.connect import connect

RUN = {
    "format": 1,
    "kafka": "127.0.0.1:9092",
    "postgres": "127.0.0.1:5432",
    "namespace": "",
    "services": [
        {"name": "prescriptions", "grpc": "127.0.0.1:7001", "metrics": "http://127.0.0.1:8001/metrics", "ready": True}
    ],
}


def running_in(home: Path) -> DataFolder:
    folder = DataFolder(home)
    folder.acquire()
    folder.write_run({**RUN, "home": str(home)})
    return folder


def test_the_running_instance_says_where_its_servers_are(tmp_path: Path) -> None:
    folder = running_in(tmp_path)
    connection = connect({"RXGUARD_HOME": str(tmp_path)})
    folder.release()
    assert connection.kafka == "127.0.0.1:9092"
    assert connection.target("prescriptions") == "127.0.0.1:7001"
    assert connection.home == str(tmp_path)


def test_without_instance_and_settings_the_error_names_rxguard_up(tmp_path: Path) -> None:
    with pytest.raises(DependencyUnavailable) as error:
        connect({"RXGUARD_HOME": str(tmp_path / "none")})
    assert error.value.code == "NOT_RUNNING"
    assert "rxguard up" in error.value.message
    assert error.value.exit_code == 4


def test_a_file_left_by_an_instance_that_is_gone_does_not_count(tmp_path: Path) -> None:
    running_in(tmp_path).release()
    with pytest.raises(DependencyUnavailable, match="NOT_RUNNING"):
        connect({"RXGUARD_HOME": str(tmp_path)})


def test_servers_named_by_settings_win_over_an_instance_on_another_broker(tmp_path: Path) -> None:
    folder = running_in(tmp_path)
    connection = connect(
        {
            "RXGUARD_HOME": str(tmp_path),
            "RXGUARD_KAFKA": "broker:9092",
            "RXGUARD_NAMESPACE": "t1",
            "RXGUARD_ALERTS_TARGET": "alerts:7000",
        }
    )
    folder.release()
    assert connection.kafka == "broker:9092"
    assert connection.topic("rx.inbound.v1") == "t1.rx.inbound.v1"
    assert connection.group("rx-alerts") == "t1-rx-alerts"
    assert connection.target("alerts") == "alerts:7000"
    with pytest.raises(DependencyUnavailable, match="RXGUARD_PRESCRIPTIONS_TARGET"):
        connection.target("prescriptions")


def test_an_instance_on_the_broker_that_is_named_says_where_its_services_are(tmp_path: Path) -> None:
    folder = running_in(tmp_path)
    connection = connect({"RXGUARD_HOME": str(tmp_path), "RXGUARD_KAFKA": RUN["kafka"]})
    folder.release()
    assert connection.target("prescriptions") == "127.0.0.1:7001"
