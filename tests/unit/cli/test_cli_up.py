"""`rxguard up` in the hands of a shell: what ends it, and how."""

import signal
import subprocess
import sys

import pytest

UP = """
import asyncio, sys
from rich.console import Console
from rxguard.instance import up

async def instance(**_):
    print("up", flush=True)
    await asyncio.Event().wait()

up._live = instance
asyncio.run(up.up(fresh=False, as_json=False, console=Console(stderr=True)))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_instance_that_a_script_started_in_the_background_can_be_stopped(number: signal.Signals) -> None:
    """The shell of a script starts it with SIGINT ignored; the servers must not be left behind for that."""
    ignoring = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    with subprocess.Popen(
        [*ignoring, sys.executable, "-c", UP], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(number)
        try:
            _, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0
    assert b"stopped; the data is kept" in stderr
