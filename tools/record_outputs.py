"""Record what a build publishes into a folder, and compare two such folders: the proof that a change changed nothing.

    python tools/record_outputs.py record --checkout DIR --into FOLDER --scenarios FOLDER --step FILE ... FILE ...
    python tools/record_outputs.py compare FOLDER FOLDER [--renamed OLD=NEW ...] [--ignore-ruleset]

`record` drives the `rxguard` program and the Python of DIR/.venv and imports nothing of the checkout, so that one
script records the builds before and after a change; give both the same scenarios and inputs. It starts an instance in a
temporary data folder with a fixed pseudonym key. Each record of a `--step` file is ingested and checked
before the next is sent: every record that follows from it is recorded. The other files
are ingested whole; how their records are batched depends on timing, so that of findings, states and alerts the last
one of each key is recorded, and of alerts those that are open.

`compare` prints what differs and exits with 1 if anything does.

Left out of a recording, as it differs between two runs of one build:

- Kafka timestamps and offsets, and the partition of inbound records, dead letters and alerts: their keys are absent or
  random. An inbound position (`Event.inbound`, rx-inbound-*) is replaced by the SHA-256 of the record found there.
- `position` of a finding set and a state is replaced by the key and revision of the event found there.
- Order of the alerts in the table of `rxguard alerts ls`, of which only the words are recorded.
- Alert ids (random UUIDs), and `time`, `opened_time` and `resolved_time` of alerts (the clock).
- Packed events of a state hold the inbound position: they are recorded unpacked.
- Samples of metrics, ports, process ids and paths of the data folder.

And where files are ingested whole, since inbound records have no order between partitions:

- `position`, and `findingsHash` of a state, which is there if any set was published on the way.
- `revision` and `type` of an alert: they count the finding sets on the way. Resolved alerts and sets without a finding,
  which may never have been more. Lower revisions of an event, which are published only if they arrive first;
  of corrections the headers rx-class and rx-ruleset, which follow that order.
- `display` of an uncoded product in the answer of `rxguard ingest`: the one that was read first.

Each protobuf value is recorded as its JSON with `encoding_follows`, true if encoding this JSON again gives the very
bytes of the record: then equal JSON means equal bytes. The same holds for the CloudEvents of alerts.
"""

import argparse
import csv
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Final

INSIDE: Final = Path(__file__).with_name("record_inside.py")
CALLS: Final = Path(__file__).with_name("record_calls.json")

PSEUDONYM_KEY: Final = "5a" * 32
WIDTH: Final = "100"
COMMANDS: Final = (
    "",
    *("up", "down", "demo", "ingest", "publish", "findings", "status", "doctor", "scenarios", "backtest", "explain"),
    *("ruleset", "alerts", "alerts ls", "topics", "topics apply", "monitor", "monitor rebuild"),
)
TABLES: Final = ("reason_codes.csv", "rules.csv")
RULESET_KEYS: Final = frozenset(
    {"version", "seq", "ruleset_version", "ruleset_seq", "rulesetVersion", "rulesetSeq", "findingsHash"}
)
SETTLED_WITHIN_SECONDS: Final = 120
LINES_SHOWN: Final = 60
LINE_WIDTH: Final = 200

Document = dict[str, Any]


@dataclass(frozen=True)
class Build:
    """An installed checkout and the folder that its programs run in."""

    checkout: Path
    scratch: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the checkout's .venv without a terminal; any exit code is an answer."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("RXGUARD_")}
        env |= {"RXGUARD_HOME": str(self.scratch / "home"), "COLUMNS": WIDTH, "TERM": "dumb"}
        program = str(self.checkout / ".venv" / "bin" / command[0])
        return subprocess.run(  # noqa: S603  # the program that is recorded
            [program, *command[1:]], cwd=self.scratch, env=env, capture_output=True, text=True, check=False
        )

    def inside(self, *arguments: str) -> None:
        """Run `record_inside.py` in the checkout's Python. Raises RuntimeError with its output if it fails."""
        ended = self.run("python", str(INSIDE), *arguments)
        if ended.returncode:
            raise RuntimeError(f"{arguments[0]} failed:\n{ended.stdout[-500:]}{ended.stderr[-3000:]}")

    def rxguard(self, *asked: Sequence[str]) -> list[Document]:
        """Return exit code, printed lines or JSON documents, and error codes of the program for each list of arguments.

        They run one after the other in one process: starting it takes longer than most of them.
        """
        arguments, answers = self.scratch / "arguments.json", self.scratch / "answers.jsonl"
        arguments.write_text(json.dumps(asked), encoding="utf-8")
        self.inside("program", str(arguments), str(answers))
        return [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]

    def find(self, name: str) -> Path:
        """Return the one file of that name in the sources. Raises LookupError unless there is exactly one."""
        found = [path for top in ("shared", "services", "cli") for path in (self.checkout / top).rglob(name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} files are named {name} in {self.checkout}")
        return found[0]


def record(asked: argparse.Namespace) -> int:
    """Record one build; returns the exit code."""
    into: Path = asked.into.absolute()
    into.mkdir(parents=True)
    inputs = [str(path.absolute()) for path in asked.inputs]
    with tempfile.TemporaryDirectory(prefix="rxguard-record-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o711)  # the database's own user passes through it
        build = Build(asked.checkout.absolute(), scratch)
        record_offline(build, into, sorted(asked.scenarios.absolute().rglob("*.yaml")), inputs)
        prepare_home(scratch / "home", asked.jars)
        started = build.run("rxguard", "up", "--detach", "--json")
        if started.returncode:
            raise RuntimeError(f"the instance did not start: {started.stderr}")
        try:
            record_instance(build, into, json.loads(started.stdout), list(steps(asked.step)), inputs)
        finally:
            build.run("rxguard", "down")
    return 0


def record_offline(build: Build, into: Path, scenarios: Sequence[Path], inputs: Sequence[str]) -> None:
    """Record what needs no server: help, rules, descriptors, scenarios, explained and replayed inputs."""
    helped = build.rxguard(*([*command.split(), "--help"] for command in COMMANDS))
    write(into / "help.json", dict(zip(COMMANDS, helped, strict=True)))
    write(into / "ruleset.json", build.rxguard(["ruleset", "--json"], ["ruleset"]))
    for table in TABLES:
        with build.find(table).open(encoding="utf-8", newline="") as rows:
            write_lines(into / f"{table}.jsonl", list(csv.DictReader(rows)))
    build.inside("descriptors", str(into / "descriptors.json"))
    for name in ("scenarios", "assessments", "explain", "backtest"):
        (into / name).mkdir()
    for path in scenarios:
        answer, shown = build.rxguard(["scenarios", str(path), "--json"], ["scenarios", str(path)])
        found = answer["stdout"][0]["scenarios"]
        write_lines(into / "scenarios" / f"{path.stem}.jsonl", [answer["exit_code"], shown, *found])
        build.inside("assessments", str(into / "assessments" / f"{path.stem}.jsonl"), str(path))
    for number, file in enumerate(inputs):
        record_explained(build, into, f"{number:02}.jsonl", file)


def record_explained(build: Build, into: Path, name: str, file: str) -> None:
    """Record the findings of a file, the first one whole, and a replay under the shipped tables."""
    explain, replay = ("explain", file), ("backtest", file, "--rules", "builtin", "--rules", "builtin")
    listed, *answers = build.rxguard([*explain, "--json"], explain)
    found = listed["stdout"][0]["findings"] if listed["stdout"] else ()
    whole = [
        (*explain, "--finding", one["finding_id"], option) for one in found[:1] for option in ("--json", "--curve")
    ]
    write_lines(into / "explain" / name, [listed, *answers, *build.rxguard(*whole)])
    write_lines(into / "backtest" / name, build.rxguard([*replay, "--json"], replay))


def prepare_home(home: Path, jars: Path | None) -> None:
    """Create a data folder with a fixed pseudonym key, and with Kafka's jars where the caller has them."""
    home.mkdir(mode=0o755)
    secrets = home / "secrets.json"
    secrets.touch(mode=0o600)
    secrets.write_text(json.dumps({"pseudonym_key": PSEUDONYM_KEY}), encoding="utf-8")
    if jars:
        (home / "jars").symlink_to(jars.absolute())


def steps(files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield records by name: each line of a file whose lines are JSON documents, any other file on one line."""
    for file in files:
        for path in sorted(file.iterdir()) if file.is_dir() else [file]:
            lines = path.read_bytes().splitlines()
            if all(map(is_json, lines)):
                yield from ((f"{path.name}:{number}", line) for number, line in enumerate(lines, start=1))
            elif path.suffix not in (".md", ".py"):
                yield path.name, b" ".join(lines)


def is_json(line: bytes) -> bool:
    """Return whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def record_instance(
    build: Build, into: Path, run: Document, records: Sequence[tuple[str, bytes]], inputs: Sequence[str]
) -> None:
    """Feed a running instance and record its topics and answers."""
    kafka, dictionary = run["kafka"], str(build.find("packing.zstd-dictionary"))
    build.inside("settings", str(into / "topics.json"), kafka)
    for number, (_, line) in enumerate(records):
        (build.scratch / f"step-{number:04}").write_bytes(line + b"\n")
    answers = build.rxguard(*(["ingest", f"step-{number:04}", "--json"] for number in range(len(records))))
    write_lines(into / "steps.jsonl", [{"step": name} | one for (name, _), one in zip(records, answers, strict=True)])
    settle(build)
    record_topics(build, into / "stepped", kafka, dictionary, "every")
    ingested = build.rxguard(*(["ingest", file, "--json"] for file in inputs))
    for product in (
        one for answer in ingested for document in answer["stdout"] for one in document["uncoded_products"]
    ):
        product["display"] = "..."
    write_lines(into / "ingest.jsonl", ingested)
    settle(build)
    record_topics(build, into / "whole", kafka, dictionary, "newest")
    addresses = {service["name"]: service["grpc"] for service in run["services"]}
    build.inside("calls", str(into / "calls.jsonl"), str(CALLS), json.dumps(addresses))
    write(into / "status.json", shape(build.rxguard(["status", "--json"], ["doctor", "--json"])))
    write(into / "metrics.json", {service["name"]: metrics(service["metrics"]) for service in run["services"]})
    write(into / "log_events.json", log_events(build.scratch / "home" / "logs"))


def record_topics(build: Build, into: Path, kafka: str, dictionary: str, view: str) -> None:
    """Record the topics, and what the program prints of findings and open alerts."""
    into.mkdir()
    build.inside("topics", str(into), kafka, dictionary, view)
    asked = (["findings", "--json"], ["findings"], ["alerts", "ls", "--json"], ["alerts", "ls"])
    findings, findings_shown, alerts, alerts_shown = build.rxguard(*asked)
    for alert in alerts["stdout"]:
        alert |= {"alert_id": "...", "opened_time": "..."}
    write_lines(into / "findings.jsonl", [*findings["stdout"], findings_shown])
    write_lines(into / "alerts.jsonl", [*sorted(alerts["stdout"], key=json.dumps), words(alerts_shown["stdout"])])


def words(lines: Sequence[str]) -> list[str]:
    """Return the words of shown alerts, sorted: their order follows random ids, their lines the length of names."""
    return sorted(re.findall(r"[^\s,]+", re.sub(r"alert [0-9a-f]{8} ", "", "\n".join(lines))))


def settle(build: Build) -> None:
    """Wait until no reader is behind and no topic grows. Raises TimeoutError after two minutes."""
    before: object = None
    deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        status = build.rxguard(["status", "--json"])[0]["stdout"][0]
        if before == status["topics"] and not any(status["lag"].values()):
            return
        before = status["topics"]
        time.sleep(1.0)
    raise TimeoutError("a reader is still behind")


def metrics(address: str) -> Document:
    """Return type, help, and label names of each metric that a service exposes."""
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  # our own service
        lines = answer.read().decode().splitlines()
    found: Document = {}
    for line in lines:
        if about := re.match(r"# (HELP|TYPE) (\S+) (.*)", line):
            found.setdefault(about[2], {"labels": []})[about[1].lower()] = about[3]
        elif sample := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            labels = sorted(set(re.findall(r'(\w+)="', sample[2] or "")))
            found.setdefault(sample[1], {}).setdefault("labels", labels)
    return found


def log_events(folder: Path) -> Document:
    """Return the names of our own events that each service logged."""
    return {path.stem: sorted(set(_event_names(path))) for path in sorted(folder.glob("*.log"))}


def _event_names(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    events = [json.loads(line).get("event", "") for line in lines if line.startswith("{")]
    return [event for event in events if re.fullmatch("[a-z_]+", event)]


def shape(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Return a document with its keys and the types of its values."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return type(value).__name__


def write(path: Path, value: object) -> None:
    """Write a JSON document for people to read."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_lines(path: Path, values: Sequence[object]) -> None:
    """Write one JSON document a line, in the order of its own keys: it is part of what is published."""
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in values), encoding="utf-8")


# Compare


@dataclass(frozen=True)
class Allowed:
    """What two recordings may differ in."""

    renamed: Mapping[str, str]
    ruleset: bool

    def documents(self, top: Path, name: str) -> list[str]:
        """Return the JSON documents of a recorded file as text without the allowed differences; none without a file."""
        path = top / name
        if not path.is_file():
            return []
        text = path.read_text(encoding="utf-8")
        for old, new in self.renamed.items():
            text = re.sub(rf"\b{re.escape(old)}\b", new, text)
        if self.ruleset:
            text = without_ruleset(text, top)
        documents = map(json.loads, text.splitlines()) if path.suffix == ".jsonl" else [json.loads(text)]
        return [json.dumps(self.without(one), ensure_ascii=False, indent=1) for one in documents]

    def without(self, value: Any) -> Any:  # noqa: ANN401  # any JSON value
        """Return a document without the allowed differences: lists of names that hold a renamed one are sorted."""
        if isinstance(value, dict):
            return {key: self._of_key(key, one) for key, one in value.items()}
        if isinstance(value, list):
            if self.ruleset and value[:1] == ["rx-ruleset"]:
                return value[:1]
            if all(isinstance(one, str) for one in value) and not set(self.renamed.values()).isdisjoint(value):
                return sorted(value)
            return [self.without(one) for one in value]
        return value.rstrip() if self.renamed and isinstance(value, str) else value  # padding follows what is shown

    def _of_key(self, key: str, value: object) -> object:
        return "..." if self.ruleset and key in RULESET_KEYS else self.without(value)


def without_ruleset(text: str, top: Path) -> str:
    """Return text for people without the number and the content hash of the ruleset of a recording."""
    path = top / "ruleset.json"
    if path.is_file():
        version = json.loads(path.read_text(encoding="utf-8"))[0]["stdout"][0]["version"]
        text = text.replace(version, "RULESET").replace(version[:8], "RULESET")
    return re.sub(r"\b(ruleset|builtin) +\d+\b", r"\1 N", text)


def compare(asked: argparse.Namespace) -> int:
    """Print what differs between two recordings; returns 1 if anything does."""
    allowed = Allowed(dict(pair.split("=", 1) for pair in asked.renamed), asked.ignore_ruleset)
    names = sorted({str(path.relative_to(top)) for top in (asked.a, asked.b) for path in top.rglob("*.json*")})
    differing = [name for name in names if differs(name, *(allowed.documents(top, name) for top in (asked.a, asked.b)))]
    print(f"{len(differing)} of {len(names)} files differ")
    return int(bool(differing))


def differs(name: str, before: Sequence[str], after: Sequence[str]) -> bool:
    """Print whether a file differs, and its first differing lines."""
    if before == after:
        print(f"equal    {name}")
        return False
    pairs = [(old.splitlines(), new.splitlines()) for old, new in changed(before, after)]
    print(f"differs  {name}: {len(pairs)} of {max(len(before), len(after))} documents")
    lines = (line for pair in pairs for line in list(difflib.unified_diff(*pair, n=1, lineterm=""))[2:])
    for line in islice(lines, LINES_SHOWN):
        print(f"    {line[:LINE_WIDTH]}")
    return True


def changed(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the documents that differ, in pairs; "" stands for one that the other side does not have."""
    for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from zip_longest(before[i1:i2], after[j1:j2], fillvalue="")


def main() -> int:
    """Record or compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(required=True)
    recording = modes.add_parser("record", help="record what a build publishes")
    recording.set_defaults(mode=record)
    recording.add_argument("--checkout", type=Path, required=True, help="checkout with an installed .venv")
    recording.add_argument("--into", type=Path, required=True, help="folder to write, which must not exist")
    recording.add_argument("--scenarios", type=Path, required=True, help="folder of scenario files")
    recording.add_argument("--step", type=Path, action="append", default=[], help="file or folder, record by record")
    recording.add_argument("--jars", type=Path, help="folder of Kafka's jars; without it they are downloaded")
    recording.add_argument("inputs", type=Path, nargs="*", help="files to ingest whole")
    comparing = modes.add_parser("compare", help="compare two recordings")
    comparing.set_defaults(mode=compare)
    comparing.add_argument("a", type=Path)
    comparing.add_argument("b", type=Path)
    comparing.add_argument("--renamed", action="append", default=[], metavar="OLD=NEW", help="a name that may differ")
    comparing.add_argument("--ignore-ruleset", action="store_true", help="number and hash of the ruleset may differ")
    asked = parser.parse_args()
    return int(asked.mode(asked))


if __name__ == "__main__":
    sys.exit(main())
