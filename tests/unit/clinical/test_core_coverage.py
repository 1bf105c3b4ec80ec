"""The timelines and unit tests of the clinical core run every line of it and take every branch."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import rx_clinical

ROOT = Path(__file__).parents[3]
CORE = Path(rx_clinical.__file__).parent
# Property tests draw other examples every time: what they alone reach is not counted.
SELECTION = ("tests/spec", "tests/unit/clinical", "tests/unit/test_product_table.py")
FAILURES_OF_THEIR_OWN = 1  # of the tests measured; each fails under its own name too


def coverage(*arguments, folder):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "coverage", *arguments],
        cwd=ROOT,
        env=environment | {"COVERAGE_FILE": str(folder / "coverage")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(900)  # half a minute on a quiet machine
def test_every_branch_of_the_core_is_taken(tmp_path):
    measured = coverage(
        *("run", "--branch", "--source=rx_clinical", "-m", "pytest", *SELECTION),
        f"--ignore={Path(__file__).relative_to(ROOT)}",  # or it would start itself again
        *("-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'measured'}"),
        folder=tmp_path,
    )
    assert measured.returncode in (0, FAILURES_OF_THEIR_OWN), measured.stdout + measured.stderr

    report = coverage(
        "report", "--fail-under=100", "--precision=2", "--show-missing", "--skip-covered", folder=tmp_path
    )

    assert report.returncode == 0, f"\n{report.stdout}{report.stderr}"


def test_what_is_left_out_of_the_measure_says_why():
    pragma = re.compile(r"#\s*pragma:?\s*no\s*(?:cover|branch)(.*)", re.IGNORECASE)
    silent = [
        f"{path.relative_to(CORE)}:{number}"
        for path in sorted(CORE.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := pragma.search(line)) and not re.search(r"\w+ \w+", found[1])
    ]
    assert silent == []
