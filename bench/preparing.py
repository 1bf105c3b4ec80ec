"""What engines need that the project itself does not: made on demand; without it an engine is missing, with the reason.

Each function returns that reason, empty if the engine can be run.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BENCH = Path(__file__).resolve().parent
_TIMEOUT_S = 600.0
_SHOWN = 500  # characters of what a failed program said


def nothing(_folder: Path) -> str:
    """For an engine of the project's own environment."""
    return ""


def kafka_streams(folder: Path) -> str:
    """Build `bench/kafka-streams` into `folder`."""
    for program, name in (("java", "Java 17 or newer"), ("mvn", "Maven")):
        if shutil.which(program) is None:
            return f"no {name} on this machine"
    sources = hashlib.sha256(b"".join(path.read_bytes() for path in _java_sources())).hexdigest()
    stamp = folder / "sources.sha256"
    if stamp.exists() and stamp.read_text() == sources:
        return ""
    options = ["-q", "-B", "-f", str(BENCH / "kafka-streams" / "pom.xml"), f"-Dbuild.folder={folder}"]
    reason = _failure([shutil.which("mvn") or "mvn", *options, "clean", "package"])
    if not reason:
        stamp.write_text(sources)
    return reason


def _java_sources() -> list[Path]:
    project = BENCH / "kafka-streams"
    event = BENCH.parent / "protos" / "pharmacy" / "events" / "v1" / "event.proto"
    return [project / "pom.xml", *sorted(project.rglob("src/**/*.java")), event]


def quix(folder: Path) -> str:
    """Install the locked requirements into an environment in `folder`."""
    lock = BENCH / "engines" / "quix.lock"
    stamp = folder / "quix.lock"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return ""
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    reason = _failure([sys.executable, "-m", "venv", str(folder)])
    reason = reason or _failure([*pip, "install", "--require-hashes", "-r", str(lock)])
    if not reason:
        shutil.copyfile(lock, stamp)
    return reason


def _failure(command: Sequence[str]) -> str:
    """Return the end of a program's output if it failed."""
    ran = subprocess.run(  # noqa: S603  # of this project or of the machine
        command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    )
    if not ran.returncode:
        return ""
    said = (ran.stdout + ran.stderr).strip()[-_SHOWN:]
    return f"{Path(command[0]).name} failed: {said}"
