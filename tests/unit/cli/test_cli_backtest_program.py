"""The backtest as people meet it: its report, its exit codes and what it writes to which stream."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rxguard import __main__ as program
from rxguard.views.backtest import backtest_report
from rxguard.views.common import NOTICE

from tests.lib.cli.backtest_case import CASE, METHADONE, case, rules_of, run, written


def test_the_report_shows_rulesets_sums_and_what_became_of_which_number(edited: Callable[..., Path]) -> None:
    document = run(CASE, "builtin", edited("half-life-60", "drugs.csv", METHADONE, {"t_half_high_h": "60"}))
    text = shown(document)
    assert "1 patient, 4 events" in text
    assert "raise ruleset_seq.txt" in text
    assert "earliest_start_time: 2026-04-15T17:45:00Z -> 2026-04-16T00:00:00Z" in text
    assert "arithmetic of methadone, half_life_high_h: 59 -> 60" in text
    assert NOTICE in text


def test_the_report_stops_at_the_limit_and_says_how_many_there_are(tmp_path: Path, half_life_50: Path) -> None:
    many = [
        event | {"source": f"s{number}", "patient": {"namespace": "n", "value": str(number)}}
        for number in range(3)
        for event in case()
    ]
    document = run(written(tmp_path / "f", many), "builtin", half_life_50)
    text = shown(document, limit=1)
    assert "- WR-02 contraindicated lost" in text
    assert "2 more lost: --limit shows more, --json has all" in text
    assert len(document["lost"]) == 3


def test_the_report_names_what_was_not_taken(tmp_path: Path) -> None:
    text = shown(run(written(tmp_path / "f", [*case(), "{"]), "builtin", "builtin"))
    assert "NOT_JSON" in text
    assert "A and B are the same tables" in text
    assert "No difference" in text
    assert " safe" not in text.replace("never safe", "")


def shown(document: dict[str, Any], limit: int = 10) -> str:
    console = Console(file=StringIO(), width=80, color_system=None)
    console.print(backtest_report(document | {"file": "events.ndjson"}, limit))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert all(len(line) <= 80 for line in text.splitlines())
    return " ".join(text.split())


def program_of(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("RXGUARD_")}
    command = [sys.executable, "-m", "rxguard", "backtest", *arguments]
    return subprocess.run(command, env=env, input=stdin, capture_output=True, timeout=60, check=False)


def test_differences_end_with_1_and_json_is_one_document_on_stdout(half_life_50: Path) -> None:
    result = program_of("--rules", "builtin", "--rules", str(half_life_50), "-", "--json", stdin=CASE.read_bytes())
    assert (result.returncode, result.stderr) == (1, b"")
    document = json.loads(result.stdout)
    assert (document["format"], document["file"]) == (1, "-")
    assert [one["folder"] for one in document["rules"]] == ["builtin", str(half_life_50)]
    assert rules_of(document["lost"]) == ["WR-02"]


def test_equal_rules_end_with_0() -> None:
    result = program_of("--rules", "builtin", "--rules", "builtin", str(CASE))
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"No difference" in result.stdout


@pytest.mark.parametrize("rules", [(), ("builtin",), ("builtin", "builtin", "builtin")])
def test_anything_but_two_versions_is_a_wrong_command_line(
    rules: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word for folder in rules for word in ("--rules", folder)]
    monkeypatch.setattr(sys, "argv", ["rxguard", "backtest", *given, str(CASE)])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
    assert "--rules" in capsys.readouterr().err


def test_a_broken_table_ends_with_3_and_names_the_row(edited: Callable[..., Path]) -> None:
    broken = edited("broken", "drugs.csv", METHADONE, {"t_half_high_h": "long"})
    result = program_of("--rules", "builtin", "--rules", str(broken), str(CASE))
    assert (result.returncode, result.stdout) == (3, b"")
    assert b"drugs.csv line" in result.stderr
    assert b"Traceback" not in result.stderr


def test_a_file_that_cannot_be_read_or_breaks_off_ends_with_3(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(CASE.read_bytes())[:-20])
    for file in (broken, tmp_path / "missing"):
        result = program_of("--rules", "builtin", "--rules", "builtin", str(file))
        assert (result.returncode, result.stdout) == (3, b"")
        assert file.name.encode() in result.stderr


def test_a_file_without_any_event_is_not_called_equal() -> None:
    result = program_of("--rules", "builtin", "--rules", "builtin", "-", "--json", stdin=b"{broken\n")
    assert result.returncode == 3
    assert [one["code"] for one in json.loads(result.stdout)["dead_letters"]] == ["NOT_JSON"]
    assert b"NOTHING_ASSESSED" in result.stderr


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "rxguard", "backtest", "--rules", "builtin", "--rules", "builtin", str(pipe)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
        pipe.open("wb"),  # waits until the program reads
    ):
        process.send_signal(signal.SIGINT)
        try:
            stdout, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
    assert (process.returncode, stdout) == (130, b"")
    assert b"Traceback" not in stderr
