import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest
from rx_embedded.child import Child, Children, run_to_end, until
from rx_embedded.home import read_json, write_private

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def python(code):
    return [sys.executable, "-c", code]


@pytest.fixture
def place(tmp_path):
    return {"log": tmp_path / "log", "cwd": tmp_path}


async def said(log, word):
    assert await until(lambda: word in log.read_text(), timeout_s=10)


async def test_a_child_that_ignores_the_stop_signal_is_killed(place):
    child = Child(python(DEAF), **place)
    await said(place["log"], "deaf")
    started = time.monotonic()
    await child.stop(timeout_s=0.2)
    assert child.exit_status == -signal.SIGKILL
    assert time.monotonic() - started < 5


async def test_the_last_words_of_a_child_tell_how_it_ended(place):
    child = Child(python("print('cannot bind'); raise SystemExit(3)"), **place)
    assert await run_to_end(child, 10) == 3
    assert "Exit status 3" in child.last_words()
    assert "    cannot bind" in child.last_words()


async def test_a_cancelled_wait_still_ends_the_child(place):
    child = Child(python(DEAF), **place)
    await said(place["log"], "deaf")
    stopping = asyncio.create_task(child.stop(timeout_s=60))
    await asyncio.sleep(0.1)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert child.exit_status == -signal.SIGKILL


async def test_a_child_ends_when_its_parent_is_killed(tmp_path):
    code = f"""
import time
from pathlib import Path
from rx_embedded.child import Child
command = ["/bin/sh", "-c", "echo up; exec sleep 60"]
print(Child(command, log=Path({str(tmp_path / "log")!r}), cwd=Path("/")).pid, flush=True)
time.sleep(60)
"""
    parent = await asyncio.create_subprocess_exec(*python(code), stdout=asyncio.subprocess.PIPE)
    child = int(await parent.stdout.readline())
    await said(tmp_path / "log", "up")
    parent.kill()
    await parent.wait()
    assert await until(lambda: not is_alive(child), timeout_s=5)


async def test_what_an_earlier_instance_left_running_is_ended(tmp_path, place):
    record = tmp_path / "children.json"
    left_over = Children(record).start("kafka", ["/bin/sleep", "60"], **place)
    await Children(record).end_left_over()
    assert left_over.exit_status is not None
    assert not record.exists()


async def test_another_process_with_the_number_of_an_earlier_child_is_left_alone(tmp_path, place):
    record = tmp_path / "children.json"
    child = Children(record).start("kafka", ["/bin/sleep", "60"], **place)
    known = read_json(record)
    known["kafka"]["started"] -= 1
    write_private(record, known)
    await Children(record).end_left_over()
    assert child.exit_status is None
    await child.stop()


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
