"""A service process: what it says while it lives and why it ended."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rx_embedded.ports import free_ports

PROGRAM = """
import contextlib, sys
from rx_runtime.errors import RefusedToRun
from rx_runtime.service import main
from rx_runtime.settings import ServiceSettings

async def refuse():
    raise RefusedToRun("STATE_DOES_NOT_FIT", "start on an empty data folder")

async def fail():
    raise ValueError("patient Jane Doe")

@contextlib.asynccontextmanager
async def start(runtime):
    await runtime.set_ready(True)
    if len(sys.argv) > 1:
        runtime.spawn({"refuse": refuse, "fail": fail}[sys.argv[1]](), name="work")
    yield

sys.exit(main("compounding", ServiceSettings, start))
"""


def environment(**changes):
    grpc_port, metrics_port = free_ports(2)
    env = {
        "RXGUARD_KAFKA": "127.0.0.1:1",
        "RXGUARD_PSEUDONYM_KEY": "5a" * 32,
        "RXGUARD_GRPC_ADDRESS": f"127.0.0.1:{grpc_port}",
        "RXGUARD_METRICS_ADDRESS": f"127.0.0.1:{metrics_port}",
    }
    return {key: value for key, value in (os.environ | env | changes).items() if value is not None}


def ended(*arguments, **changes):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def is_serving(address):
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return False
        return answer.status == health_pb2.HealthCheckResponse.SERVING


def body(env, path):
    with urllib.request.urlopen(f"http://{env['RXGUARD_METRICS_ADDRESS']}{path}") as answer:
        return answer.read()


def test_a_service_serves_health_and_metrics_and_stops_with_0_when_asked():
    env = environment()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=env, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while not is_serving(env["RXGUARD_GRPC_ADDRESS"]):
            assert time.monotonic() < deadline
        assert b"rx_service_ready 1.0" in body(env, "/metrics")
        assert body(env, "/livez") == b'{"status":"live"}'
        assert body(env, "/readyz") == b'{"status":"ready"}'
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=120)
    assert process.returncode == 0
    assert b'"event": "stopped"' in log


@pytest.mark.parametrize("name", ["RXGUARD_KAFKA", "RXGUARD_PSEUDONYM_KEY"])
def test_a_missing_setting_ends_it_with_2_and_its_name(name):
    result = ended(**{name: None})
    assert (result.returncode, name in result.stderr) == (2, True)


def test_a_wrong_setting_is_named_and_its_value_is_not():
    result = ended(RXGUARD_PSEUDONYM_KEY="secret-but-short")
    assert result.returncode == 2
    assert "RXGUARD_PSEUDONYM_KEY" in result.stderr
    assert "secret-but-short" not in result.stderr


def test_an_address_that_is_taken_ends_it_with_2():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = ended(RXGUARD_GRPC_ADDRESS=f"127.0.0.1:{taken.getsockname()[1]}")
    assert (result.returncode, "ADDRESS_NOT_FREE" in result.stderr) == (2, True)


def test_a_metrics_address_that_is_taken_ends_it_with_2():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = ended(RXGUARD_METRICS_ADDRESS=address)
    logged = json.loads(result.stderr.splitlines()[-1])
    assert (result.returncode, logged["event"], logged["metrics"]) == (2, "cannot_listen", address)


def test_a_refusal_ends_it_with_5_and_says_what_to_do():
    result = ended("refuse")
    assert result.returncode == 5
    assert "start on an empty data folder" in result.stderr


def test_a_defect_ends_it_with_70_and_the_log_names_the_place_but_never_the_message():
    result = ended("fail")
    assert result.returncode == 70
    assert '"error": "ValueError"' in result.stderr
    assert " fail" in result.stderr
    assert "Jane Doe" not in result.stderr
