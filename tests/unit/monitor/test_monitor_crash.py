"""Whatever goes wrong with a batch ends the process at once, and its log names the place but never the content."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio
from rx_monitor.adapters.faust.process_exit import exit_on
from rx_runtime.errors import DependencyUnavailable
from rx_runtime.telemetry.logs import configure

configure("monitor", "info")
try:
    with exit_on(BaseException):
        raise {error}
finally:
    print("the frame was left")
"""


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        ('ValueError("Jane Doe, born 1970")', 70),
        ("asyncio.CancelledError()", 70),
        ("KeyboardInterrupt()", 70),
        ('DependencyUnavailable("KAFKA_UNREACHABLE", "no broker")', 4),
    ],
)
def test_an_error_in_a_batch_ends_the_process_before_the_frame_is_left(error, exit_code):
    ended = subprocess.run([sys.executable, "-c", PROGRAM.format(error=error)], capture_output=True, check=False)
    assert ended.returncode == exit_code
    assert ended.stdout == b""
    logged = json.loads(ended.stderr)
    assert logged["event"] == "crashed"
    assert logged["trace"]
    assert b"Jane" not in ended.stderr
