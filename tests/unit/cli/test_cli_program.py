"""The program as a person starts it: exit codes, and what goes to which stream."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pharmacy.events.v1.finding_pb2 import Finding, FindingSet
from rxguard import __main__ as program
from rxguard.client import findings
from rxguard.client.connect import Connection


def rxguard(*arguments: str, home: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("RXGUARD_")}
    command = [sys.executable, "-m", "rxguard", *arguments]
    return subprocess.run(
        command, env=env | {"RXGUARD_HOME": str(home)}, input=stdin, capture_output=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "command", [("findings",), ("alerts", "ls"), ("status", "--json"), ("publish", "-"), ("ingest", "-")]
)
def test_without_a_running_instance_it_ends_with_4_and_names_rxguard_up(tmp_path: Path, command: tuple[str]) -> None:
    result = rxguard(*command, home=tmp_path, stdin=b"{}")
    assert result.returncode == 4
    assert b"rxguard up" in result.stderr
    assert b"Traceback" not in result.stderr
    assert result.stdout == b""


@pytest.mark.parametrize("command", ["ingest", "publish", "scenarios"])
def test_a_file_that_cannot_be_read_ends_with_3(tmp_path: Path, command: str) -> None:
    result = rxguard(command, str(tmp_path / "missing"), home=tmp_path)
    assert result.returncode == 3
    assert b"missing" in result.stderr
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize("command", [("nonsense",), ("ingest",), ("ingest", "f", "--nonsense"), ("alerts", "nonsense")])
def test_a_wrong_command_line_ends_with_2(tmp_path: Path, command: tuple[str]) -> None:
    assert rxguard(*command, home=tmp_path).returncode == 2


def test_doctor_answers_without_an_instance(tmp_path: Path) -> None:
    result = rxguard("doctor", "--json", home=tmp_path)
    document = json.loads(result.stdout)
    assert (result.returncode, document["ok"], document["format"]) == (0, True, 1)


@pytest.mark.parametrize("command", [("findings",), ("status",), ("topics", "apply"), ("publish", "-")])
def test_a_broker_that_does_not_answer_ends_with_4_at_once_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str]
) -> None:
    monkeypatch.setenv("RXGUARD_HOME", str(tmp_path))
    monkeypatch.setenv("RXGUARD_KAFKA", "127.0.0.1:1")
    monkeypatch.setattr(sys, "argv", ["rxguard", *command])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"{}"))))
    assert program.main() == 4
    assert capsys.readouterr().err.count("127.0.0.1:1") == 1


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rxguard", "findings"]
    with socket.create_server(("127.0.0.1", 0)) as broker:  # that accepts and never answers
        address = f"127.0.0.1:{broker.getsockname()[1]}"
        env = os.environ | {"RXGUARD_HOME": str(tmp_path), "RXGUARD_KAFKA": address}
        with subprocess.Popen(command, env=env, stderr=subprocess.PIPE) as process:
            broker.accept()[0].close()  # whether it listens at all
            with broker.accept()[0]:
                process.send_signal(signal.SIGINT)
                try:
                    _, stderr = process.communicate(timeout=120)
                finally:
                    process.kill()
    assert process.returncode == 130
    assert b"src/rxguard/" not in stderr  # no traceback of ours; asyncio may report a connection cut off while it opens
    assert b"KeyboardInterrupt" not in stderr


def test_help_comes_without_loading_servers_clients_or_rules() -> None:
    heavy = "{'aiokafka', 'grpc', 'pydantic', 'rx_clinical', 'asyncpg', 'faust'}"
    code = f"import sys, rxguard.__main__; sys.exit(', '.join({heavy} & sys.modules.keys()) or 0)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


def test_json_is_one_finding_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def two_findings(_connection: Connection) -> dict[bytes, FindingSet]:
        finding = Finding(finding_id=b"f" * 16, rule="WR-02", severity="SEVERITY_MAJOR", display="DISPLAY_QUEUE")
        return {bytes([number]) * 16: FindingSet(findings=[finding]) for number in (1, 2)}

    monkeypatch.setattr(findings, "current_sets", two_findings)
    monkeypatch.setattr("rxguard.client.connect.connect", lambda: Connection("k:1"))
    monkeypatch.setattr(sys, "argv", ["rxguard", "findings", "--json"])
    with pytest.raises(SystemExit) as ended:
        program.main()
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ended.value.code == 0
    assert [document["patient"] for document in documents] == ["01" * 16, "02" * 16]
