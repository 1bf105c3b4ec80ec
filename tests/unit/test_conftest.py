"""What `tests/conftest.py` promises of every run, shown on a run of three tests that break it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLANTED = """
import signal, socket, subprocess, sys
import tests.conftest

tests.conftest._END_TIMEOUT_SECONDS = 0.1  # nothing here ends by itself
SHOW = "import signal, sys; sys.exit(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)"

def test_a_child_can_be_interrupted():
    assert subprocess.run([sys.executable, "-c", SHOW]).returncode == 0

def test_leaves_a_socket_to_the_garbage_collector():
    circle = [socket.socket()]
    circle.append(circle)

def test_leaves_a_process_of_a_process():
    subprocess.run(["/bin/sh", "-c", "sleep 1234 &"])

def test_leaves_nothing():
    pass
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of these tests, started in the background by a shell, which has SIGINT ignored."""
    file = tmp_path_factory.mktemp("planted") / "test_planted.py"
    file.write_text(PLANTED)
    options = ["-q", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", "-p", "no:cacheprovider", str(file)]
    ignoring = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    ended = subprocess.run(
        [*ignoring, sys.executable, "-m", "pytest", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "4 passed, 2 errors" in ended.stdout, ended.stdout + ended.stderr
    return ended.stdout


def test_children_can_be_interrupted_however_the_run_was_started(planted: str) -> None:
    assert "test_a_child_can_be_interrupted" not in planted


def test_a_socket_that_is_left_open_fails_the_test_that_left_it(planted: str) -> None:
    assert "ERROR at teardown of test_leaves_a_socket_to_the_garbage_collector" in planted
    assert "unclosed <socket.socket" in planted


def test_a_process_that_is_left_is_killed_and_fails_the_test_that_left_it(planted: str) -> None:
    assert "ERROR at teardown of test_leaves_a_process_of_a_process" in planted
    assert "killed now: ['sleep 1234 ']" in planted
