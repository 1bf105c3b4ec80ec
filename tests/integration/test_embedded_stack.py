import asyncio
import os
import pwd
import shutil
import signal
import stat
import sys
from pathlib import Path

import asyncpg
import pytest
import rx_runtime
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from rx_embedded import EmbeddedLockedError, EmbeddedStack, provision, rxguard_home
from rx_embedded.errors import BrokerStartError, ServerDiedError
from rx_runtime.installation import Installation

pytestmark = pytest.mark.stack
JARS = rxguard_home() / "jars"
TOPIC = "rx.kept.v1"


async def fetch(dsn, query, *values):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query, *values)
    finally:
        await connection.close()


async def produce(address, value):
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait(TOPIC, value)
    await producer.stop()


async def first_record(address):
    consumer = AIOKafkaConsumer(bootstrap_servers=address)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, 0)])
        await consumer.seek_to_beginning()
        return (await asyncio.wait_for(consumer.getone(), 10)).value
    finally:
        await consumer.stop()


async def topics(address):
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        return await admin.list_topics()
    finally:
        await admin.close()


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def modes_from_root_to(path):
    return {folder: stat.S_IMODE(folder.stat().st_mode) for folder in (path, *path.parents)}


@pytest.fixture(scope="module")
async def running(tmp_path_factory):
    """A stack of this module's own, in a folder below one that other users may not enter."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    before = modes_from_root_to(home)
    async with EmbeddedStack(data=home / "data", jars=JARS) as stack:
        stack.modes_before = before
        yield stack


async def test_a_second_instance_on_the_folder_is_refused_and_the_first_serves_on(running):
    second = EmbeddedStack(data=running.folder.path, jars=JARS, fresh=True)
    with pytest.raises(EmbeddedLockedError, match=f"process {os.getpid()}"):
        await second.__aenter__()
    assert await fetch(running.admin_dsn, "SELECT 1")
    assert await topics(running.kafka) == []
    running.check()


async def test_the_modes_of_the_home_folder_and_of_every_folder_above_it_are_unchanged(running):
    assert modes_from_root_to(running.folder.path.parent) == running.modes_before
    assert Path("/") in running.modes_before


async def test_a_role_writes_its_own_schema_and_cannot_read_another_s(running):
    await fetch(running.dsn("prescriptions"), "CREATE TABLE prescriptions.event (id int)")
    assert await fetch(running.dsn("prescriptions"), "SELECT * FROM prescriptions.event") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch(running.dsn("alerts"), "SELECT * FROM prescriptions.event")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch(running.dsn("alerts"), "CREATE TABLE prescriptions.mine (id int)")


async def test_a_wrong_password_is_refused(running):
    with pytest.raises(asyncpg.InvalidPasswordError):
        await fetch(f"postgresql://alerts:guess@{running.postgres}/rxguard", "SELECT 1")


async def test_a_namespace_gets_schemas_of_its_own_and_asking_again_changes_nothing(running):
    for _ in range(2):
        await provision(running.admin_dsn, Installation(running.kafka, "t1"))
    owners = await fetch(
        running.admin_dsn,
        "SELECT nspname, rolname FROM pg_namespace JOIN pg_roles r ON nspowner = r.oid WHERE nspname LIKE 't1\\_%'",
    )
    assert {tuple(row) for row in owners} == {
        ("t1_prescriptions", "prescriptions"),
        ("t1_compounding", "compounding"),
        ("t1_alerts", "alerts"),
    }


async def test_a_namespace_that_is_no_plain_name_is_refused(running):
    with pytest.raises(ValueError, match="namespace"):
        await provision(running.admin_dsn, Installation(running.kafka, "t1; DROP SCHEMA alerts"))


async def test_values_of_rows_stay_out_of_the_database_log(running):
    await fetch(running.dsn("alerts"), "CREATE TABLE alerts.patient (name text PRIMARY KEY)")
    await fetch(running.dsn("alerts"), "INSERT INTO alerts.patient VALUES ('Mustermann')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await fetch(running.dsn("alerts"), "INSERT INTO alerts.patient VALUES ('Mustermann')")
    log = running.children["postgres"].log.read_text()
    assert "duplicate key" in log
    assert "Mustermann" not in log


async def test_records_and_rows_survive_a_restart_until_a_fresh_start(tmp_path):
    async with EmbeddedStack(data=tmp_path, jars=JARS) as stack:
        await produce(stack.kafka, b"kept")
        await fetch(stack.dsn("alerts"), "CREATE TABLE alerts.kept AS SELECT 7 AS value")
    async with EmbeddedStack(data=tmp_path, jars=JARS) as stack:
        assert await first_record(stack.kafka) == b"kept"
        assert [row["value"] for row in await fetch(stack.dsn("alerts"), "SELECT value FROM alerts.kept")] == [7]
        os.kill(stack.children["kafka"].pid, signal.SIGKILL)
        await stack.children["kafka"].wait(5)
        with pytest.raises(ServerDiedError, match="kafka"):
            stack.check()
    async with EmbeddedStack(data=tmp_path, jars=JARS, fresh=True) as stack:
        assert await topics(stack.kafka) == []
        assert await fetch(stack.dsn("alerts"), "SELECT to_regclass('alerts.kept') AS kept") == [(None,)]


async def test_if_one_server_cannot_start_the_other_is_stopped_and_the_folder_given_back(tmp_path):
    (tmp_path / "kafka/data").mkdir(parents=True)
    (tmp_path / "kafka/data/meta.properties").write_text("version=1\nnode.id=99\ncluster.id=another\n")
    stack = EmbeddedStack(data=tmp_path, jars=JARS)
    with pytest.raises(BrokerStartError, match=r"broker\.log") as refusal:
        await stack.__aenter__()
    assert "node.id" in refusal.value.what or "node id" in refusal.value.what.lower()
    assert stack.children, "PostgreSQL may not have been started yet; the broker was"
    assert all(child.exit_status is not None for child in stack.children.values())
    assert stack.folder.holder() is None


PARENT = """
import asyncio, sys
from pathlib import Path
from rx_embedded import EmbeddedStack

async def main():
    async with EmbeddedStack(data=Path(sys.argv[1]), jars=Path(sys.argv[2])) as stack:
        print(*(child.pid for child in stack.children.values()), flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


async def test_killing_the_parent_leaves_no_server_and_the_next_start_works(tmp_path):
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, tmp_path, JARS, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    children = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert all(map(is_alive, children))
    parent.kill()
    await parent.wait()
    async with EmbeddedStack(data=tmp_path, jars=JARS):
        assert len(children) == 2
        assert not any(map(is_alive, children))


def open_to_all(path):
    real = Path(path).resolve()
    return real.exists() and all(folder.stat().st_mode & 0o001 for folder in (real, *real.parents))


def interpreter_for_all():
    """A Python of this version that every user may run, or None; it gets our import path."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    needed = [path for path in sys.path if path and Path(path).is_dir() and "site-packages" in path]
    if not all(map(open_to_all, [*needed, JARS, rx_runtime.__path__[0]])):
        return None
    found = (path for path in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}") if open_to_all(path))
    return next(found, None)


@pytest.fixture
def nobody_s_home():
    account = pwd.getpwnam("nobody")
    home = Path(f"/tmp/rxguard-ordinary-{os.getpid()}")  # noqa: S108  # pytest's own folders bar other users
    home.mkdir(mode=0o755)
    os.chown(home, account.pw_uid, account.pw_gid)
    yield home
    shutil.rmtree(home)


def owners_below(folder):
    return {path.owner() for path in folder.rglob("*")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; the other tests run as this one")
async def test_an_ordinary_user_runs_it_too(nobody_s_home):
    python = interpreter_for_all()
    if python is None:
        pytest.skip("the interpreter, the environment or the jars lie below a folder that other users may not enter")
    account = pwd.getpwnam("nobody")
    process = await asyncio.create_subprocess_exec(
        *(python, "-c", PARENT, nobody_s_home / "data", JARS),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=nobody_s_home,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(nobody_s_home), "PATH": "/usr/bin:/bin"},
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
    )
    started, _ = await asyncio.wait_for(process.communicate(b""), 120)
    assert process.returncode == 0
    assert len(started.split()) == 2
    assert owners_below(nobody_s_home) == {"nobody"}
