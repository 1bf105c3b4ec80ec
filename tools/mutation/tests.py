"""Runs the real tests of the core in this process: once with their lines recorded, or against one mutant."""

import functools
import gc
import importlib
import importlib.abc
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import coverage
import pytest
import yaml

from tools.mutation.mutants import Mutant

TESTS = ("tests/spec", "tests/unit/clinical", "tests/unit/test_product_table.py")
CORE = Path("shared/clinical/src/rx_clinical")
MEMORY_BYTES = 4 << 30  # a mutant that loops for ever must not fill the machine


@dataclass(slots=True)
class Baseline:
    """The tests on the unmutated core."""

    durations_s: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)  # file -> line -> tests, "" = on collection


@dataclass(frozen=True, slots=True)
class Task:
    """One mutant with the tests that may kill it, in the order to try."""

    mutant: Mutant
    tests: tuple[str, ...]
    limit_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant."""

    status: str  # killed, survived, timeout, unsuited (cannot be put into a process that has imported the core)
    killer: str
    seconds: float


def pytest_arguments(copy: Path) -> list[str]:
    """As the tests run here: without tests/conftest.py, whose servers they do not need."""
    return ["-c", str(Path(__file__).with_name("pytest.ini")), "--rootdir", str(copy), *TESTS]


def enter(copy: Path) -> None:
    """Make a process one that tests the copy."""
    os.chdir(copy)
    sys.path[:0] = [str(copy), str(copy / "shared/clinical/src"), str(copy / "cli/src")]


def read_ahead(copy: Path) -> None:
    """Parse the scenario files once for all processes to come: that is most of what collecting the tests costs."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((copy / "tests/spec").rglob("*.yaml"))]
    parsed = {text: yaml.load(text, Loader=yaml.BaseLoader) for text in texts}  # noqa: S506  # text only
    real: Callable[..., object] = yaml.load

    def load(stream: object, Loader: object) -> object:  # noqa: N803  # PyYAML's signature
        return parsed[stream] if isinstance(stream, str) and stream in parsed else real(stream, Loader=Loader)

    setattr(yaml, "load", load)  # noqa: B010  # the module's type knows no such assignment


class _Results(dict[str, Any]):
    """A scenario's result, worked out when a test asks for it: as it stands, the file does so while it is imported."""

    def __init__(self, scenario_id: str, run: Callable[[], dict[str, Any]]) -> None:
        super().__init__(id=scenario_id)
        self._run = run

    def __missing__(self, key: str) -> object:
        return self._run()[key]


@contextmanager
def lazy_scenarios() -> Iterator[None]:
    """While tests are collected, run_scenarios() puts the work off until a test looks at a result."""
    scenarios = importlib.import_module("rxguard.scenarios.run")
    reader = importlib.import_module("rxguard.scenarios.file")
    core = importlib.import_module("rx_clinical")
    real = scenarios.run_scenarios
    collecting = True

    def lazy(path: Path, only: Sequence[str] | None = None) -> dict[str, Any]:
        if not collecting:  # a test module keeps this function under the name that it imported
            return real(path, only)  # type: ignore[no-any-return]
        file = reader.read_scenarios(path)

        def runner(scenario: object) -> Callable[[], dict[str, Any]]:
            allowed = file.extra_alerts_allowed
            return lambda: scenarios.run_scenario(scenario, allowed, core.load_catalogue())

        return {"scenarios": [_Results(one.scenario_id, runner(one)) for one in file.scenarios]}

    setattr(scenarios, "run_scenarios", lazy)  # noqa: B010  # the module's type knows no such assignment
    try:
        yield
    finally:
        collecting = False
        setattr(scenarios, "run_scenarios", real)  # noqa: B010


def caches() -> list[Any]:
    """Return the caches of the core's functions except the catalogue, which is read before the tests."""
    wrapper = type(functools.lru_cache(maxsize=1)(len))
    return [
        one
        for one in gc.get_objects()
        if isinstance(one, wrapper)
        and str(getattr(one, "__module__", "")).startswith(("rx_clinical", "rxguard"))
        and getattr(one, "__name__", "") != "load_catalogue"
    ]


def memories() -> list[Callable[[], None]]:
    """Return the functions that empty each cache of the core, so that a test repeats the work of an earlier one."""
    catalogue = importlib.import_module("rx_clinical").load_catalogue()
    own = (
        catalogue._tier_of,  # noqa: SLF001  # here and below: nobody else empties them
        catalogue._window_lengths,  # noqa: SLF001
        catalogue._classification_cache,  # noqa: SLF001
        catalogue.classifier._cache,  # noqa: SLF001
    )
    return [*(one.cache_clear for one in caches()), *(one.clear for one in own)]


class _Collecting:
    """Collects with lazy scenarios, then reads the catalogue and empties the memories."""

    def __init__(self) -> None:
        self._lazy = lazy_scenarios()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        self._lazy.__enter__()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:  # noqa: ARG002  # pytest's signature
        self._lazy.__exit__(None, None, None)
        for empty in memories():
            empty()


class _Recording(_Collecting):
    """Records durations, failures and lines."""

    def __init__(self, recorder: coverage.Coverage) -> None:
        super().__init__()
        self.baseline = Baseline()
        self._recorder = recorder
        self._memories: list[Callable[[], None]] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        super().pytest_collection_finish(session)
        self._memories = memories()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        for empty in self._memories:
            empty()
        self._recorder.switch_context(item.nodeid)
        begun = time.monotonic()
        try:
            return (yield)
        finally:
            self.baseline.durations_s[item.nodeid] = time.monotonic() - begun
            self._recorder.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.baseline.failed.add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            print(report.longreprtext, file=sys.stderr)  # why there is no baseline


def record(copy: Path) -> Baseline:
    """Run every test once."""
    enter(copy)
    core = (copy / CORE).resolve()
    recorder = coverage.Coverage(data_file=None, include=[f"{core}/*"], config_file=False)
    recorder.start()
    plugin = _Recording(recorder)
    code = pytest.main(pytest_arguments(copy), plugins=[plugin])
    recorder.stop()
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code!r} before a test ran")
    recorded = recorder.get_data()
    for name in recorded.measured_files():
        plugin.baseline.lines[Path(name).relative_to(core).as_posix()] = recorded.contexts_by_lineno(name)
    return plugin.baseline


class _Judge(_Collecting):
    """Runs the chosen tests in the order given and ends the process at the first that fails."""

    def __init__(self, tests: Sequence[str], say: Callable[[str], None]) -> None:
        super().__init__()
        self.tests = tests
        self._say = say

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        by_name = {item.nodeid: item for item in session.items}
        self.judge([by_name[name] for name in self.tests if name in by_name])
        return True

    def judge(self, items: list[pytest.Item]) -> None:
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        self._end("survived", "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._end("killed", report.nodeid)

    def _end(self, status: str, killer: str) -> None:
        self._say(f"{status} {killer}")
        os._exit(0)


class _Serving(_Judge):
    """After collection: takes mutants from a connection and judges each in a fork."""

    def __init__(self, connection: Connection, copy: Path) -> None:
        super().__init__((), lambda _: None)
        self._connection = connection
        self._copy = copy

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        by_name = {item.nodeid: item for item in session.items}
        while (task := self._connection.recv()) is not None:
            items = [by_name[name] for name in task.tests if name in by_name]
            self._connection.send(forked(functools.partial(self._try, task, items), task.limit_s))
        return True

    def _try(self, task: Task, items: list[pytest.Item], say: Callable[[str], None]) -> None:
        self._say = say
        if not _patch(self._copy, task.mutant):
            self._end("unsuited", "")
        self.judge(items)


def serve_fast(connection: Connection, copy: Path) -> None:
    """Judge mutants of functions that nothing has called before the tests: their code is exchanged in place."""
    enter(copy)
    _silence()
    pytest.main(pytest_arguments(copy), plugins=[_Serving(connection, copy)])


def serve_fresh(connection: Connection, copy: Path) -> None:
    """Judge any mutant: a process that imports the mutated core from the start."""
    enter(copy)
    _silence()
    while (task := connection.recv()) is not None:
        connection.send(forked(functools.partial(_fresh, copy, task), task.limit_s))


def _fresh(copy: Path, task: Task, say: Callable[[str], None]) -> None:
    path = copy / CORE / task.mutant.file
    parts = Path(task.mutant.file).with_suffix("").parts
    name = ".".join(("rx_clinical", *(part for part in parts if part != "__init__")))
    sys.meta_path.insert(0, _MutantFinder(name, path, task.mutant.apply(path.read_bytes())))
    code = pytest.main(pytest_arguments(copy), plugins=[_Judge(task.tests, say)])
    say(f"killed (nothing could be collected: {code!r})")


class _MutantFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module from mutated source."""

    def __init__(self, name: str, path: Path, source: bytes) -> None:
        self._name = name
        self._path = path
        self._source = source

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the module that is mutated, and no other."""
        del path, target
        if fullname != self._name:
            return None
        spec = ModuleSpec(fullname, self, origin=str(self._path))
        spec.has_location = True
        if self._path.name == "__init__.py":
            spec.submodule_search_locations = [str(self._path.parent)]
        return spec

    def get_source(self, fullname: str) -> str:
        del fullname
        return self._source.decode()

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102  # the mutant


def _patch(copy: Path, mutant: Mutant) -> bool:
    path = copy / CORE / mutant.file
    compiled = compile(mutant.apply(path.read_bytes()), str(path), "exec", dont_inherit=True)
    place = (mutant.function, mutant.function_line)
    code = next((one for one in _codes(compiled) if (one.co_qualname, one.co_firstlineno) == place), None)
    held = [
        one
        for one in gc.get_objects()
        if isinstance(one, FunctionType)
        and (one.__code__.co_qualname, one.__code__.co_firstlineno) == place
        and one.__code__.co_filename.endswith(f"rx_clinical/{mutant.file}")
    ]
    if code is None or not held or any(one.__code__.co_freevars != code.co_freevars for one in held):
        return False
    for one in held:
        one.__code__ = code
    return True


def _codes(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def forked(judge: Callable[[Callable[[str], None]], None], limit_s: float) -> Outcome:
    """Run a judge in a fork with a limit of processor time and memory; it says one line and ends."""
    begun = time.monotonic()
    folder = tempfile.mkdtemp(prefix="rx-mutant-")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        signal.setitimer(signal.ITIMER_PROF, limit_s)  # processor time; its default action ends the process
        try:
            judge(functools.partial(_write, writing))
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        line = said.read().decode()
    _, ended = os.waitpid(child, 0)
    shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - begun
    if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGPROF:
        return Outcome("timeout", "", seconds)
    status, _, killer = (line or "killed (the process died)").partition(" ")
    return Outcome(status, killer, seconds)


def _write(file: int, line: str) -> None:
    os.write(file, line.encode())
