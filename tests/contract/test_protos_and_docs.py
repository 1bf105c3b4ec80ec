"""The committed code and pages are those that the protos, the registry and the edge model give."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_protos_pass_the_linter():
    ended = run(str(Path(sys.executable).parent / "buf"), "lint", folder=ROOT / "protos")
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("tool", ["generate_protos.py", "generate_docs.py"])
def test_what_is_generated_is_current(tool: str):
    ended = run(sys.executable, str(ROOT / "tools" / tool), "--check")
    assert ended.returncode == 0, ended.stdout + ended.stderr
