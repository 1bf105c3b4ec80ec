import hashlib
import re

import pytest
from rx_embedded import jars as jars_module
from rx_embedded.errors import JarChecksumError, JarDownloadError
from rx_embedded.jars import Jar, obtain_jars, pinned_jars

CONTENT = b"the pinned content"


def jar(name="kafka"):
    return Jar("org.example", name, "1.0", hashlib.sha256(CONTENT).hexdigest())


class Repository:
    """A Maven repository whose answers are listed; an exception stands for a failed request."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def fetch(self, jar, folder):
        self.asked.append(jar.artifact)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        path = folder / "org" / "example" / jar.file_name
        path.parent.mkdir(parents=True)
        path.write_bytes(answer)
        return path


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(jars_module, "RETRY_PAUSE_S", 0)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


async def test_a_missing_jar_is_fetched_and_reported(tmp_path):
    told = []
    paths = await obtain_jars(tmp_path, lambda *step: told.append(step), jars=(jar(),), fetch=Repository(CONTENT).fetch)
    assert [path.read_bytes() for path in paths] == [CONTENT]
    assert told == [(1, 1, "kafka-1.0.jar", len(CONTENT))]


async def test_jars_that_are_present_need_no_network(tmp_path):
    (tmp_path / "kafka-1.0.jar").write_bytes(CONTENT)
    repository = Repository()
    await obtain_jars(tmp_path, jars=(jar(),), fetch=repository.fetch)
    assert repository.asked == []


async def test_a_damaged_jar_is_replaced(tmp_path):
    (tmp_path / "kafka-1.0.jar").write_bytes(CONTENT[:-1])
    (path,) = await obtain_jars(tmp_path, jars=(jar(),), fetch=Repository(CONTENT).fetch)
    assert path.read_bytes() == CONTENT


async def test_a_jar_that_arrives_damaged_once_is_fetched_again(tmp_path):
    (path,) = await obtain_jars(tmp_path, jars=(jar(),), fetch=Repository(b"truncat", CONTENT).fetch)
    assert path.read_bytes() == CONTENT


async def test_a_jar_that_arrives_with_other_content_twice_is_refused_and_not_kept(tmp_path):
    with pytest.raises(JarChecksumError, match=r"kafka-1\.0\.jar") as refusal:
        await obtain_jars(tmp_path, jars=(jar(),), fetch=Repository(b"forged", b"forged").fetch)
    assert refusal.value.code == "JAR_CHECKSUM"
    assert names_in(tmp_path) == []


async def test_a_failed_request_is_repeated(tmp_path):
    repository = Repository(ConnectionError("reset"), RuntimeError("not found in remote repositories"), CONTENT)
    (path,) = await obtain_jars(tmp_path, jars=(jar(),), fetch=repository.fetch)
    assert path.read_bytes() == CONTENT


async def test_without_a_network_the_refusal_names_the_jar_and_says_what_to_do(tmp_path):
    repository = Repository(*[ConnectionError("no route to host")] * 3)
    with pytest.raises(JarDownloadError, match=r"org\.example:kafka:1\.0.*no route to host") as refusal:
        await obtain_jars(tmp_path, jars=(jar(),), fetch=repository.fetch)
    assert str(tmp_path) in refusal.value.fix
    assert names_in(tmp_path) == []


async def test_what_arrived_before_a_failure_is_kept(tmp_path, monkeypatch):
    repository = Repository(CONTENT, *[ConnectionError("no route to host")] * 3)
    monkeypatch.setattr(jars_module, "DOWNLOADS_AT_ONCE", 1)
    with pytest.raises(JarDownloadError):
        await obtain_jars(tmp_path, jars=(jar("first"), jar("second")), fetch=repository.fetch)
    assert names_in(tmp_path) == ["first-1.0.jar"]


def test_the_pinned_list_names_every_jar_once_with_its_digest():
    pinned = pinned_jars()
    assert len({jar.file_name for jar in pinned}) == len(pinned) == 46
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in pinned)
    assert ("kafka_2.13", "4.2.1") in {(jar.artifact, jar.version) for jar in pinned}


def test_the_pinned_list_holds_one_version_of_kafka_and_no_address():
    assert {jar.version for jar in pinned_jars() if jar.group == "org.apache.kafka"} == {"4.2.1"}
    assert "://" not in jars_module.LOCK.read_text()
