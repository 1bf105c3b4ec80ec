"""Mutation testing of the clinical core; `make mutate`. README.md says what it does and what it leaves out."""

import argparse
import ast
import difflib
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TextIO, cast

from tools.mutation import tests
from tools.mutation.mutants import Mutant, enums_of, mutants_of
from tools.mutation.tests import CORE, TESTS, Baseline, Outcome, Task

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tools" / "mutation"
WORK = ROOT / "build" / "mutation"
RESULTS, REASONS = HERE / "results.json", HERE / "survivors.md"
COPIED = (
    *(str(CORE.parent), "cli/src/rxguard", "tools", "docs/clinical"),
    *TESTS,
)
ALLOWED_SHARE = 0.05
_PROGRESS_SECONDS = 10
FORK = multiprocessing.get_context("fork")


@dataclass(slots=True)
class Run:
    """What is known of the mutants of this run."""

    mutants: dict[str, Mutant]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    kills: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def learn(self, mutant: Mutant, outcome: Outcome) -> None:
        """Keep an outcome, and which test was good at this function and file."""
        self.outcomes[mutant.mutant_id] = outcome
        if outcome.killer:
            self.kills[mutant.file, mutant.function][outcome.killer] += 1
            self.kills[mutant.file, ""][outcome.killer] += 1


def main() -> int:
    """0: at most 5 % of the mutants survive, and each survivor has its reason."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument(
        "--only", default="", help="files of rx_clinical, parted by commas: withdrawal.py,rules/wr_02.py"
    )
    parser.add_argument("--again", action="store_true", help="forget what an earlier run found")
    options = parser.parse_args()
    os.nice(19 - os.nice(0))
    copy = _copied()
    core = copy / CORE
    files = _files(core, [one for one in options.only.split(",") if one])
    enums = enums_of(core)
    run = Run({one.mutant_id: one for file in files for one in mutants_of(core, file, enums)})
    _say(f"{len(run.mutants)} mutants in {len(files)} files")
    if options.again:
        _journal().unlink(missing_ok=True)
    _resume(run, _tests_hash(copy))
    left = [one for one in run.mutants.values() if one.mutant_id not in run.outcomes]
    if left:
        _judge(run, left, copy)
    _write_results(run, files, core)
    return _report(run, core)


def _say(line: str) -> None:
    print(line, flush=True)


def _copied() -> Path:
    """Return a copy of what the tests need: others may be working in the checkout."""
    copy = WORK / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules", "mutation")
    for name in COPIED:
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy2(source, target)
    return copy


def _files(core: Path, only: Sequence[str]) -> list[str]:
    files = sorted(path.relative_to(core).as_posix() for path in core.rglob("*.py"))
    if unknown := sorted(set(only) - set(files)):
        raise SystemExit(f"no such file in {CORE}: {', '.join(unknown)}")
    return [one for one in files if not only or one in only]


def _tests_hash(copy: Path) -> str:
    """Hash everything that could kill a survivor: the tests and the core."""
    content = hashlib.sha256()
    for path in sorted(path for path in copy.rglob("*") if path.suffix in {".py", ".yaml", ".csv"}):
        content.update(path.relative_to(copy).as_posix().encode() + b"\0" + path.read_bytes())
    return content.hexdigest()[:16]


# What earlier runs found


def _journal() -> Path:
    return WORK / "journal.jsonl"


def _resume(run: Run, tests_hash: str) -> None:
    """Load outcomes that still hold: killed while its function is unchanged, survived while nothing has changed."""
    for line in _journal().read_text().splitlines() if _journal().exists() else ():
        entry = json.loads(line)
        mutant = run.mutants.get(entry["id"])
        if mutant is not None and (entry["status"] != "survived" or entry["tests"] == tests_hash):
            run.learn(mutant, Outcome(entry["status"], entry["killer"], entry["seconds"]))
    run.outcomes = {key: one for key, one in run.outcomes.items() if one.status != "unsuited"}
    if run.outcomes:
        _say(f"{len(run.outcomes)} of them are known from an earlier run")


# Judging


def _judge(run: Run, left: list[Mutant], copy: Path) -> None:
    tests.read_ahead(copy)
    _say("running the tests without a mutant, with the lines that each reaches")
    with FORK.Pool(1) as pool:
        baseline: Baseline = pool.apply(tests.record, (copy,))
    for name in sorted(baseline.failed):
        _say(f"NOT USED, fails without a mutant: {name}")
    usable = {name: took for name, took in baseline.durations_s.items() if name not in baseline.failed}
    _say(f"{len(usable)} tests, {sum(usable.values()):.0f} s")
    chooser = _Chooser(run, baseline, usable, copy / CORE)
    _Pool(run, chooser, copy, _tests_hash(copy)).work(left)


class _Chooser:
    """Which tests may kill a mutant, and where to run them."""

    def __init__(self, run: Run, baseline: Baseline, usable: dict[str, float], core: Path) -> None:
        self._run = run
        self._lines = baseline.lines
        self._usable = usable
        self._function_lines = _FunctionLines(core)

    def fresh(self, mutant: Mutant) -> bool:
        """Return True if the mutant runs on import or while tests are collected, and so needs a process of its own."""
        if not mutant.function:
            return True
        lines = self._lines.get(mutant.file, {})
        return any("" in lines.get(line, ()) for line in self._function_lines.of(mutant))

    def task(self, mutant: Mutant) -> Task:
        """Return the tests that run the mutated statement: killers of its neighbours first, then the quickest."""
        if self.fresh(mutant):
            names = set(self._usable)
        else:
            lines = self._lines.get(mutant.file, {})
            reached = (lines.get(line, ()) for line in range(mutant.line, mutant.last_line + 1))
            names = {name for one in reached for name in one} & self._usable.keys()
        near, far = self._run.kills[mutant.file, mutant.function], self._run.kills[mutant.file, ""]
        touching = self._touching(mutant.file)
        order = sorted(
            names, key=lambda name: (-near[name], -far[name], name not in touching, self._usable[name], name)
        )
        took = sum(self._usable[name] for name in names)
        return Task(mutant, tuple(order), limit_s=10 + 8 * took)

    def _touching(self, file: str) -> set[str]:
        return {name for names in self._lines.get(file, {}).values() for name in names}


class _FunctionLines:
    def __init__(self, core: Path) -> None:
        self._core = core
        self._known: dict[str, dict[int, range]] = {}

    def of(self, mutant: Mutant) -> range:
        """Return the lines of the body of the function that a mutant lies in."""
        if mutant.file not in self._known:
            tree = ast.parse((self._core / mutant.file).read_bytes())
            self._known[mutant.file] = {
                min([one.lineno, *(name.lineno for name in one.decorator_list)]): range(
                    one.body[0].lineno, (one.end_lineno or one.lineno) + 1
                )
                for one in ast.walk(tree)
                if isinstance(one, ast.FunctionDef)
            }
        return self._known[mutant.file][mutant.function_line]


class _Pool:
    """Two processes a core: one for mutants that can be put in place, one for those that need a fresh import."""

    def __init__(self, run: Run, chooser: _Chooser, copy: Path, tests_hash: str) -> None:
        self._run = run
        self._chooser = chooser
        self._tests_hash = tests_hash
        self._slots: list[dict[str, Connection]] = []
        for _ in range(os.cpu_count() or 1):
            slot = {}
            for kind, serve in (("fast", tests.serve_fast), ("fresh", tests.serve_fresh)):
                ours, theirs = FORK.Pipe()
                FORK.Process(target=serve, args=(theirs, copy), daemon=True).start()
                theirs.close()
                slot[kind] = ours
            self._slots.append(slot)

    def work(self, left: list[Mutant]) -> None:
        """Judge them all; a survivor in place is judged again in a fresh process before it counts."""
        waiting = list(reversed(left))
        again: list[Mutant] = []
        busy: dict[Connection, tuple[Mutant, dict[str, Connection], str]] = {}
        idle = list(self._slots)
        progress = _Progress(len(left))
        with _journal().open("a", encoding="utf-8") as journal:
            while waiting or again or busy:
                while idle and (waiting or again):
                    if again:
                        mutant, kind = again.pop(), "fresh"
                    else:
                        mutant = waiting.pop()
                        kind = "fresh" if self._chooser.fresh(mutant) else "fast"
                    slot = idle.pop()
                    slot[kind].send(self._chooser.task(mutant))
                    busy[slot[kind]] = (mutant, slot, kind)
                for ready in wait(list(busy)):
                    connection = cast("Connection", ready)
                    mutant, slot, kind = busy.pop(connection)
                    outcome: Outcome = connection.recv()
                    idle.append(slot)
                    if kind == "fast" and outcome.status in {"survived", "unsuited", "timeout"}:
                        again.append(mutant)
                        continue
                    self._keep(journal, mutant, outcome)
                    progress.step(mutant, outcome)
        for slot in self._slots:
            for connection in slot.values():
                connection.send(None)

    def _keep(self, journal: TextIO, mutant: Mutant, outcome: Outcome) -> None:
        self._run.learn(mutant, outcome)
        entry = {
            "id": mutant.mutant_id,
            "status": outcome.status,
            "killer": outcome.killer,
            "seconds": round(outcome.seconds, 2),
            "tests": self._tests_hash,
        }
        journal.write(json.dumps(entry) + "\n")
        journal.flush()


class _Progress:
    """A line every ten seconds."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._counts: Counter[str] = Counter()
        self._begun = self._said = time.monotonic()

    def step(self, mutant: Mutant, outcome: Outcome) -> None:
        """Count an outcome."""
        self._counts[outcome.status] += 1
        now = time.monotonic()
        done = self._counts.total()
        if now - self._said < _PROGRESS_SECONDS and done < self._total:
            return
        self._said = now
        rate = done / (now - self._begun)
        _say(
            f"{done}/{self._total}  killed {self._counts['killed']}  survived {self._counts['survived']}  "
            f"timeout {self._counts['timeout']}  {rate:.1f}/s  about {(self._total - done) / rate / 60:.0f} min left  "
            f"{mutant.file}"
        )


# Reporting


def _write_results(run: Run, files: Iterable[str], core: Path) -> None:
    """Replace the figures of the files that ran; those of other files stay as they are, while the files exist."""
    held = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"files": {}}
    figures = {name: one for name, one in held["files"].items() if (core / name).exists()}
    for file in files:
        statuses = Counter(run.outcomes[one.mutant_id].status for one in run.mutants.values() if one.file == file)
        if statuses:
            figures[file] = {
                "mutants": statuses.total(),
                "killed": statuses["killed"],
                "survived": statuses["survived"],
                "timeout": statuses["timeout"],
            }
    total = {key: sum(one[key] for one in figures.values()) for key in ("mutants", "killed", "survived", "timeout")}
    share = round(100 * total["survived"] / max(1, total["mutants"]), 2)
    document = {"survived_percent": share, "total": total, "files": dict(sorted(figures.items()))}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")


def _report(run: Run, core: Path) -> int:
    listed = set(re.findall(r"`([0-9a-f]{8})`", REASONS.read_text())) if REASONS.exists() else set()
    survivors = [one for one in run.mutants.values() if run.outcomes[one.mutant_id].status == "survived"]
    unlisted = [one for one in survivors if one.mutant_id not in listed]
    for one in survivors:
        mark = "" if one.mutant_id in listed else "  NOT LISTED in survivors.md"
        _say(f"\n{one.mutant_id} {one.file} {one.function or 'on import'} ({one.operator}){mark}")
        _say(_diff(one, core))
    counts = Counter(one.status for one in run.outcomes.values())
    share = len(survivors) / max(1, len(run.outcomes))
    _say(
        f"\n{len(run.outcomes)} mutants: killed {counts['killed']}, timeout {counts['timeout']}, "
        f"survived {len(survivors)} ({share:.1%}), of which without a reason {len(unlisted)}"
    )
    return int(share > ALLOWED_SHARE or bool(unlisted))


def _diff(mutant: Mutant, core: Path) -> str:
    source = (core / mutant.file).read_bytes()
    was, becomes = source.decode().splitlines(), mutant.apply(source).decode().splitlines()
    lines = difflib.unified_diff(was, becomes, mutant.file, mutant.file, n=1, lineterm="")
    return "\n".join(list(lines)[2:])


if __name__ == "__main__":
    sys.exit(main())
