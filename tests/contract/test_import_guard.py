"""The guard itself is tested: each planted violation of the written architecture must be named by import-linter."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = "services/{0}/src/rx_{0}"

# File to extend or create, the line to plant, the import that the guard must name.
PLANTED = {
    "a handler imports a transport and an adapter": (
        SERVICES.format("monitor") + "/handlers/repair.py",
        "import aiokafka\nimport rx_monitor.adapters.kafka.outbox\n",
        ("rx_monitor.handlers.repair -> aiokafka", "rx_monitor.handlers.repair -> rx_monitor.adapters.kafka.outbox"),
    ),
    "another handler imports a database driver and Faust": (
        SERVICES.format("monitor") + "/handlers/reassess.py",
        "import asyncpg\nimport faust\n",
        ("rx_monitor.handlers.reassess -> asyncpg", "rx_monitor.handlers.reassess -> faust"),
    ),
    "handlers import the adapter that they are to be free of": (
        SERVICES.format("alerts") + "/handlers.py",
        "import rx_alerts.adapters.postgres\n",
        ("rx_alerts.handlers -> rx_alerts.adapters.postgres",),
    ),
    "the domain imports handlers and an adapter": (
        SERVICES.format("alerts") + "/domain/grouping.py",
        "import rx_alerts.handlers\nimport rx_alerts.adapters.kafka\n",
        (
            "rx_alerts.domain.grouping -> rx_alerts.handlers",
            "rx_alerts.domain.grouping -> rx_alerts.adapters.kafka",
        ),
    ),
    "an adapter imports the bootstrap": (
        SERVICES.format("interactions") + "/adapters/history.py",
        "import rx_interactions.bootstrap\n",
        ("rx_interactions.adapters.history -> rx_interactions.bootstrap",),
    ),
    "a transport comes in through an import of an import": (
        SERVICES.format("compounding") + "/domain/plan.py",
        "import rx_runtime.grpc_server\n",
        ("rx_compounding.domain.plan -> rx_runtime.grpc_server", "rx_runtime.grpc_server -> grpc"),
    ),
    "the program reaches into a service": (
        "cli/src/rxguard/client/status.py",
        "import rx_alerts.adapters.postgres\n",
        ("rxguard.client.status -> rx_alerts.adapters.postgres",),
    ),
    "the core's rooms import each other": (
        "shared/clinical/src/rx_clinical/model/washout.py",
        "import rx_clinical.catalogue.policy\n",
        (".model -> .catalogue",),
    ),
}
NEW_FOLDER = SERVICES.format("alerts") + "/helpers/__init__.py"


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of every package's sources, in which violations can be planted."""
    folder = tmp_path_factory.mktemp("guard")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for source in [*ROOT.glob("s*/*/src"), ROOT / "cli/src"]:
        shutil.copytree(source, folder / source.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(source) for source in [*folder.glob("s*/*/src"), folder / "cli/src"])
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--config", folder / "pyproject.toml"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def report(copy) -> str:
    """What import-linter says of a copy with all violations."""
    for place, text, _ in PLANTED.values():
        file = copy / place
        file.write_text(f"{file.read_text(encoding='utf-8')}\n{text}", encoding="utf-8")
    linted = lint(copy)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    return linted.stdout


@pytest.mark.parametrize("name", PLANTED)
def test_the_guard_names_what_was_planted(report, name):
    for planted in PLANTED[name][2]:
        assert planted in report


def test_a_folder_outside_the_skeleton_is_refused(copy, report):
    file = copy / NEW_FOLDER
    file.parent.mkdir()
    file.write_text('"""Helpers."""\n', encoding="utf-8")

    linted = lint(copy)

    assert "helpers" not in report
    assert linted.returncode == 1
    assert "rx_alerts.helpers" in linted.stdout
