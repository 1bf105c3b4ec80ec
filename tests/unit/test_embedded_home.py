import os
import stat
from pathlib import Path

import pytest
from rx_embedded.errors import EmbeddedLockedError, UnreachableHomeError
from rx_embedded.home import SYSTEM_HOME, DataFolder, private_folder, rxguard_home, shared_folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_home_named_by_the_environment_wins(tmp_path):
    assert rxguard_home({"RXGUARD_HOME": str(tmp_path), "XDG_STATE_HOME": "/elsewhere"}) == tmp_path


def test_root_lives_in_var_lib(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert rxguard_home({"XDG_STATE_HOME": "/elsewhere"}) == SYSTEM_HOME


def test_an_ordinary_user_lives_in_the_xdg_state_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert rxguard_home({"XDG_STATE_HOME": "/state"}) == Path("/state/rxguard")
    assert rxguard_home({}) == tmp_path / ".local/state/rxguard"


def test_asking_where_home_is_creates_nothing(tmp_path):
    rxguard_home({"RXGUARD_HOME": str(tmp_path / "home")})
    assert not (tmp_path / "home").exists()


def test_a_second_instance_is_refused_and_told_who_holds_the_folder(tmp_path):
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.acquire()
    with pytest.raises(EmbeddedLockedError) as refusal:
        second.acquire()
    assert str(os.getpid()) in refusal.value.what
    assert str(tmp_path) in refusal.value.what
    assert refusal.value.code == "EMBEDDED_LOCKED"
    first.release()
    second.acquire()
    second.release()


def test_the_holder_of_a_folder_is_known_until_it_is_given_back(tmp_path):
    folder = DataFolder(tmp_path)
    assert folder.holder() is None
    folder.acquire()
    assert DataFolder(tmp_path).holder() == os.getpid()
    folder.release()
    assert folder.holder() is None


def test_run_json_of_an_instance_that_is_gone_does_not_count(tmp_path):
    folder = DataFolder(tmp_path)
    folder.acquire()
    folder.write_run({"format": 1, "kafka": "127.0.0.1:9092"})
    assert DataFolder(tmp_path).read_run() == {"format": 1, "kafka": "127.0.0.1:9092"}
    folder.release()
    assert DataFolder(tmp_path).read_run() is None


def test_a_folder_that_cannot_be_created_is_refused_with_its_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnreachableHomeError, match="file/data"):
        DataFolder(tmp_path / "file/data").acquire()


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path):
    made = DataFolder(tmp_path).secret("pseudonym")
    assert len(bytes.fromhex(made)) == 32
    assert DataFolder(tmp_path).secret("pseudonym") == made
    assert DataFolder(tmp_path).secret("other") != made
    assert mode_of(tmp_path / "secrets.json") == 0o600


def test_emptying_a_folder_spares_jars_other_instances_and_files_of_others(tmp_path):
    folder = DataFolder(tmp_path)
    folder.acquire()
    spared = ["jars/kafka.jar", "demo/kafka/data", "notes.txt"]
    for name in [*spared, "kafka/data/0.log", "postgres/data/base", "logs/alerts.log"]:
        shared_folder((tmp_path / name).parent)
        (tmp_path / name).touch()
    folder.secret("pseudonym")
    folder.empty()
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {*spared, "lock"}
    folder.release()


def test_folders_that_exist_keep_their_modes(tmp_path):
    tmp_path.chmod(0o750)
    shared_folder(tmp_path)
    private_folder(tmp_path)
    assert mode_of(tmp_path) == 0o750


def test_what_holds_data_is_created_for_its_owner_alone(tmp_path):
    assert mode_of(private_folder(tmp_path / "kafka")) == 0o700


def test_a_service_is_held_for_as_long_as_the_block_runs_or_until_it_is_released(tmp_path):
    folder = DataFolder(tmp_path)
    assert not folder.is_held("monitor")
    with folder.hold("monitor"):
        assert DataFolder(tmp_path).is_held("monitor")
        assert not folder.is_held("alerts")
    assert not folder.is_held("monitor")
    with folder.hold("monitor") as release:
        release()
        assert not folder.is_held("monitor")


def test_a_service_that_is_held_is_not_held_twice(tmp_path):
    folder = DataFolder(tmp_path)
    with (
        folder.hold("monitor"),
        pytest.raises(EmbeddedLockedError, match=str(os.getpid())),
        DataFolder(tmp_path).hold("monitor"),
    ):
        pass
