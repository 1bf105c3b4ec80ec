"""What the doctor says, check by check."""

import hashlib
from pathlib import Path

import pytest
from rx_embedded.jars import Jar
from rxguard.instance import doctor as module
from rxguard.instance.doctor import (
    dead_letters_check,
    doctor,
    home_check,
    jars_check,
    monitor_check,
    python_check,
    service_check,
    uncoded_check,
)


async def test_without_an_instance_it_checks_what_can_be_checked_and_is_ok(tmp_path: Path) -> None:
    document = await doctor({"RXGUARD_HOME": str(tmp_path / "none")})
    checks = {check["id"]: check for check in document["checks"]}
    assert document["ok"]
    assert checks["python"]["status"] == checks["home"]["status"] == "ok"
    assert checks["jars"]["status"] == checks["instance"]["status"] == "warn"
    assert "rxguard up" in checks["instance"]["fix"]
    assert not (tmp_path / "none").exists()


async def test_a_named_broker_that_does_not_answer_is_a_failure(tmp_path: Path) -> None:
    document = await doctor({"RXGUARD_HOME": str(tmp_path), "RXGUARD_KAFKA": "127.0.0.1:1"})
    checks = {check["id"]: check["status"] for check in document["checks"]}
    assert not document["ok"]
    assert checks["kafka"] == "fail"
    assert checks["service_monitor"] == "warn"
    assert "topics" not in checks


@pytest.mark.parametrize(
    ("version", "status"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "fail")]
)
def test_python_is_the_one_that_is_supported(version: tuple[int, int], status: str) -> None:
    assert python_check(version).status == status


def test_a_home_below_a_file_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert home_check(tmp_path / "file" / "home").status == "fail"
    assert home_check(tmp_path / "new" / "home").status == "ok"


def test_a_jar_with_other_content_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = Jar("group", "kafka", "1", hashlib.sha256(b"pinned").hexdigest())
    monkeypatch.setattr(module, "pinned_jars", lambda: (jar,))
    path = tmp_path / jar.file_name
    assert jars_check(tmp_path).status == "warn"
    path.write_bytes(b"changed")
    assert jar.file_name in jars_check(tmp_path).detail
    path.write_bytes(b"pinned")
    assert jars_check(tmp_path).status == "ok"


@pytest.mark.parametrize(
    ("check", "status"),
    [
        (monitor_check(0), "ok"),
        (monitor_check(1), "warn"),
        (dead_letters_check(0), "ok"),
        (dead_letters_check(1), "warn"),
        (uncoded_check(0, 0), "ok"),
        (uncoded_check(1, 3), "warn"),
        (service_check("alerts", ready=True, home="/h"), "ok"),
        (service_check("alerts", ready=False, home="/h"), "fail"),
        (service_check("alerts", ready=None, home=None), "warn"),
    ],
)
def test_whatever_is_not_ok_says_how_to_mend_it(check: module.Check, status: str) -> None:
    assert check.status == status
    assert (check.fix is None) == (status == "ok")
