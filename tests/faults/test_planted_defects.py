"""The tests that must notice a monitor that loses or invents events do notice one: defects planted in a copy.

Each patch in `defects/` is applied to a temporary copy of the sources, which stands first on the path of the test that
is named here for it; that test must fail there, and pass on a copy without the patch.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("services/monitor/src", "shared/clinical/src")
FAULTS = "tests/faults"
SPLITS = f"{FAULTS}/test_batch_splits.py::test_any_two_ways_through_a_log_write_the_same"
CONSUMER, RESTORE, OWNERSHIP = (
    f"tests/unit/monitor/{name}.py::test"
    for name in ("test_batch_consumer", "test_monitor_restore", "test_monitor_ownership")
)
CAUGHT_BY = {
    "progress-on-fausts-acknowledgement": f"{CONSUMER}_acknowledged_messages_alone_commit_nothing",
    "state-before-findings": SPLITS,
    "revision-from-a-counter": SPLITS,
    "restore-keeps-the-last-record": f"{RESTORE}_the_highest_position_is_kept_not_the_last_record",
    "cheap-path-drops-a-correction": SPLITS,
    "restore-error-swallowed": f"{RESTORE}_a_tombstone_is_refused_because_it_would_forget_facts",
    "wall-clock-in-a-rule": SPLITS,
    "random-id": SPLITS,
    "state-kept-after-revoke": (f"{OWNERSHIP}_state_of_the_generation_before_is_offered_for_reuse_and_of_no_other"),
    "stale-gap": f"{CONSUMER}_a_gap_between_batches_never_becomes_an_offset",
}
CAUGHT_ON_REAL_KAFKA = {
    "acknowledge-on-exception": (
        "tests/integration/test_monitor_service.py"
        "::test_an_event_that_breaks_the_contract_ends_the_process_and_is_not_passed_over"
    ),
    "restore-in-on-partitions-assigned": (
        f"{FAULTS}/test_monitor_disturbed.py::test_monitors_that_come_and_go_all_the_time[faust]"
    ),
}
TIMEOUT_SECONDS = 280


def copied(folder, defect=None):
    """A copy of the sources, with a defect or without."""
    for source in SOURCES:
        shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    if defect:
        patch = ROOT / FAULTS / "defects" / f"{defect}.patch"
        applied = subprocess.run(["git", "apply", str(patch)], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S607  # the one on the path
        if applied.returncode:
            pytest.fail(
                f"{patch.name} no longer applies: plant the same defect in the code as it is now\n{applied.stderr}"
            )
    return os.environ | {"PYTHONPATH": os.pathsep.join(str(folder / source) for source in SOURCES)}


def run(environment, *tests):
    """Run these tests in a process of their own; a test that hangs has noticed as well as one that fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )


def assert_caught(ended, test):
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert f"FAILED {test}" in ended.stdout, ended.stdout


def test_every_patch_has_a_test_that_catches_it():
    patches = {patch.stem for patch in (ROOT / FAULTS / "defects").glob("*.patch")}
    assert patches == CAUGHT_BY.keys() | CAUGHT_ON_REAL_KAFKA.keys()


def test_without_a_defect_none_of_these_tests_fails(tmp_path):
    environment = copied(tmp_path)
    imported = "import rx_monitor, rx_clinical; print(rx_monitor.__file__, rx_clinical.__file__)"
    shown = subprocess.run(
        [sys.executable, "-c", imported], env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout.count(str(tmp_path)) == 2
    ended = run(environment, *sorted(set(CAUGHT_BY.values())))
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The run of the test named for each defect, as many at a time as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        folders = {defect: tmp_path_factory.mktemp(defect) for defect in CAUGHT_BY}
        yield {
            defect: pool.submit(lambda defect, test: run(copied(folders[defect], defect), test), defect, test)
            for defect, test in CAUGHT_BY.items()
        }
        pool.shutdown(cancel_futures=True)  # where not all were asked for


@pytest.mark.parametrize(("defect", "test"), CAUGHT_BY.items())
def test_a_defect_is_caught(runs, defect, test):
    assert_caught(runs[defect].result(), test)


@pytest.mark.stack
@pytest.mark.long
@pytest.mark.parametrize(("defect", "test"), CAUGHT_ON_REAL_KAFKA.items())
def test_a_defect_is_caught_on_real_kafka(tmp_path, defect, test):
    assert_caught(run(copied(tmp_path, defect), test), test)


@pytest.mark.stack
@pytest.mark.long
def test_without_a_defect_none_of_these_tests_fails_on_real_kafka(tmp_path):
    ended = run(copied(tmp_path), *CAUGHT_ON_REAL_KAFKA.values())
    assert ended.returncode == 0, ended.stdout + ended.stderr
