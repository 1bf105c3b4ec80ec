"""The page for operators says what the code declares."""

import subprocess
import sys
from pathlib import Path

from rx_runtime.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operations.md").read_text()
OF_THE_PROGRAM = {ExitCode.INPUT, ExitCode.INTERRUPTED}


def test_its_tables_of_settings_and_metrics_are_current():
    command = [sys.executable, str(ROOT / "tools/generate_operations.py"), "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_it_explains_every_exit_code_of_a_service():
    assert [code for code in ExitCode if code not in OF_THE_PROGRAM and f"\n| {code.value} | " not in PAGE] == []


def test_the_files_it_names_are_there():
    named = [word.strip("`") for word in PAGE.split() if word.startswith(("`deploy/", "`tools/"))]
    assert named
    assert [name for name in named if not (ROOT / name.rstrip(",.;`")).exists()] == []
