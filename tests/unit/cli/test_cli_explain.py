"""A finding of a file explained whole: its arithmetic, its curve, its sources; and how a person chooses it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import rxguard
from rich.console import Console, RenderableType
from rx_clinical.catalogue.tables import TABLES
from rxguard import __main__ as program
from rxguard.recordings.explain import Assessed, Found, explain, explained
from rxguard.recordings.reading import patient_name
from rxguard.views.common import NOTICE, site_registry
from rxguard.views.explain import candidates, explanation, findings_to_choose

CASE = Path(rxguard.__file__).with_name("data") / "methadone-case.ndjson"
"""Methadone until 03-31 09:00, ranitidine, LDN on 04-14 12:00: 339 h later, inside max(336, 5 x 59 h x 1.25) h."""

NOW_MS = 1_800_000_000_000  # 2027-01-15, well after the case
CASE_PATIENT = patient_name("main-street", "demo-methadone").hex()
WIDTH = 80


def assessed(file: Path | str = CASE, rules: Path | str = "builtin", patient: str = "") -> Assessed:
    return explain(str(file), str(rules), sites=site_registry(), now_ms=NOW_MS, patient=patient)


def found(rule: str, of: Assessed) -> Found:
    (one,) = (one for one in of.found if one.finding.rule == rule)
    return one


def document(rule: str = "WR-02", **changes: Any) -> dict[str, Any]:
    every = assessed(**changes)
    return every.whole(found(rule, every))


def lines_shown(what: RenderableType) -> list[str]:
    console = Console(file=StringIO(), width=WIDTH, color_system=None)
    console.print(what)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    assert all(len(line) <= WIDTH for line in lines)
    return lines


def shown(what: RenderableType) -> str:
    return words("\n".join(lines_shown(what)))


def words(text: str) -> str:
    return " ".join(text.split())


def case(**changes: Any) -> list[dict[str, Any]]:
    return [json.loads(line) | changes for line in CASE.read_text().splitlines()]


def written(path: Path, lines: Iterable[dict[str, Any] | str]) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


@pytest.fixture
def half_life_60(tmp_path: Path) -> Path:
    """The shipped tables with another highest half-life of methadone."""
    folder = tmp_path / "half-life-60"
    shutil.copytree(TABLES, folder)
    table = folder / "drugs.csv"
    before = table.read_text(encoding="utf-8")
    assert ",long,8,30,59," in before
    table.write_text(before.replace(",long,8,30,59,", ",long,8,30,60,"), encoding="utf-8")
    return folder


# The finding


def test_the_methadone_case_shows_every_step_to_the_instant() -> None:
    text = shown(explanation(document(), curve=False))
    for step in (
        "59 h x 1.25 = 73.75 h",
        "5 x 73.75 h = 368.75 h",
        "max(336 h, 368.75 h) = 368.75 h",
        "2026-04-14T12:00:00Z - 2026-03-31T09:00:00Z = 339 h",
        "2026-03-31T09:00:00Z + 368.75 h = 2026-04-15T17:45:00Z",
    ):
        assert step in text


def test_nothing_that_the_core_says_is_left_out_or_said_otherwise() -> None:
    every = assessed()
    one = found("WR-02", every)
    text = shown(explanation(every.whole(one), curve=False))
    finding, whole = one.finding, explained(one.finding, every.catalogue)
    said = [finding.text, *finding.assumptions, *finding.recommended_actions, finding.evidence_level]
    said += [part for exposure in whole.exposures for step in exposure.steps for part in (step.name, step.result)]
    said += [f"{source.key}: {source.supports}" for source in whole.sources]
    assert whole.sources
    assert "only if no opioid was taken after 2026-03-31T09:00:00Z" in text
    assert [part for part in said if words(part) not in text] == []
    unbroken = text.replace(" ", "")  # a long address goes over the end of a line
    assert [source.key for source in whole.sources if source.address.replace(" ", "") not in unbroken] == []
    assert NOTICE in text


def test_json_holds_the_finding_its_patient_its_steps_and_what_each_source_supports() -> None:
    whole = document()
    assert (whole["format"], whole["file"], whole["patient"]) == (1, str(CASE), CASE_PATIENT)
    assert whole["ruleset_version"] == assessed().catalogue.ruleset_version
    assert whole["finding"]["earliest_start_time"] == "2026-04-15T17:45:00Z"
    (exposure,) = whole["exposures"]
    assert (exposure["ingredient"], exposure["form_key"]) == ("methadone", "methadone_oral")
    assert ("59 h x 1.25", "73.75 h") in [(step["working"], step["result"]) for step in exposure["steps"]]
    assert [one["key"] for one in whole["source_texts"]] == whole["finding"]["sources"]
    assert all(one["supports"] for one in whole["source_texts"])


def test_the_curve_of_the_case_halves_with_each_half_life() -> None:
    (exposure,) = document()["exposures"]
    points = {
        Decimal(one["hours"]): (Decimal(one["left_pct"]), Decimal(one["left_with_interaction_pct"]))
        for one in exposure["curve"]
    }
    assert points[Decimal(0)] == (100, 100)
    assert points[Decimal("368.75")][1] == Decimal("3.125")  # 5 x 73.75 h: 100 / 2^5
    assert all(with_interaction >= without for without, with_interaction in points.values())


def test_other_tables_give_other_steps(half_life_60: Path) -> None:
    text = shown(explanation(document(rules=half_life_60), curve=False))
    assert "60 h x 1.25 = 75 h" in text
    assert "2026-03-31T09:00:00Z + 375 h = 2026-04-16T00:00:00Z" in text


def test_a_finding_without_a_window_says_so() -> None:
    text = shown(explanation(document("PK-01"), curve=True))
    assert "no arithmetic and no curve" in text


# The chart


def test_the_chart_draws_both_lines_and_names_start_middle_and_end() -> None:
    lines = lines_shown(explanation(document(), curve=True))
    drawn = [line.partition("|")[2].rstrip() for line in lines if "|" in line]
    assert len(drawn) == 11
    assert {"o", "+", "*"} <= set("".join(drawn))
    assert drawn[0].startswith("*")
    for column in range(max(map(len, drawn))):
        marks = "".join(line[column : column + 1] for line in drawn).replace(" ", "")
        assert marks in {"*", "+o"}  # what is lengthened lies above
    text = words(" ".join(lines))
    assert "0 h 184.375 h 368.75 h" in text
    assert "o without interacting medicines 100 % 11.463 % 1.314 %" in text
    assert "+ with them (half-life x 1.25) 100 % 17.678 % 3.125 %" in text


def test_without_an_interacting_medicine_there_is_one_line(tmp_path: Path) -> None:
    fill, _ranitidine, *ldn = case()
    earlier = [one | {"occurred_time": "2026-04-10T12:00:00Z"} for one in ldn]
    lines = lines_shown(explanation(document(file=written(tmp_path / "f", [fill, *earlier])), curve=True))
    assert set("".join(line.partition("|")[2] for line in lines if "|" in line)) == {"*", " "}
    assert "both lines are one" in words(" ".join(lines))


def test_there_is_no_chart_unless_it_is_asked_for() -> None:
    assert "|" not in shown(explanation(document(), curve=False))


# Choosing


def test_without_an_id_the_findings_are_listed_worst_first() -> None:
    listing = assessed().listing()
    assert listing["findings"][0]["rule"] == "WR-02"
    assert {one["patient"] for one in listing["findings"]} == {CASE_PATIENT}
    text = shown(findings_to_choose(listing))
    for one in listing["findings"]:
        assert f"{one['finding_id'][:8]} {one['rule']} {one['severity']} {CASE_PATIENT[:8]}" in text
    assert "1 patient, 4 events" in text
    assert text.index("WR-02") < text.index("PK-01")


def test_the_list_names_what_was_not_assessed(tmp_path: Path) -> None:
    stranger = case()[0] | {"event_id": "x", "medicine": {"text": "novelty", "days_supply": "3"}}
    file = written(tmp_path / "f", [*case(), stranger, "{broken"])
    for text in (
        shown(findings_to_choose(assessed(file).listing())),
        shown(explanation(document(file=file), curve=False)),
    ):
        assert "Not taken: 1 NOT_JSON; the first in line 6" in text
        assert "NOT_ASSESSED: novelty" in text


def test_ids_are_shown_long_enough_to_tell_them_apart() -> None:
    one = assessed().listing()["findings"][0]
    twins = [one | {"finding_id": f"{'0' * 11}{digit}{'0' * 20}"} for digit in "ab"]
    text = shown(candidates(twins))
    assert "00000000000a WR-02" in text
    assert "00000000000b WR-02" in text


def test_a_screen_of_candidates_is_enough() -> None:
    one = assessed().listing()["findings"][0]
    many = [one | {"finding_id": f"{number:032x}"} for number in range(25)]
    assert "and 5 more" in shown(candidates(many))


def test_a_patient_is_chosen_by_the_beginning_of_the_name(tmp_path: Path) -> None:
    other = [event | {"source": "other", "patient": {"namespace": "n", "value": "other"}} for event in case()]
    file = written(tmp_path / "f", [*case(), *other])
    assert assessed(file).head["patients"] == 2
    only = assessed(file, patient=CASE_PATIENT[:6])
    assert only.head["patients"] == 1
    assert {one.patient for one in only.found} == {CASE_PATIENT}


def test_nothing_found_is_not_called_safe(tmp_path: Path) -> None:
    text = shown(findings_to_choose(assessed(written(tmp_path / "f", case()[1:2])).listing()))
    assert "No finding in what has been checked." in text
    assert NOTICE in text


# The program


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Exit code, stdout and stderr of `rxguard explain`, within this process."""
    for name in [name for name in os.environ if name.startswith("RXGUARD_")]:
        monkeypatch.delenv(name)

    def start(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rxguard", "explain", *map(str, arguments)])
        try:
            code = program.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        output = capsys.readouterr()
        return int(code), output.out, words(output.err)

    return start


def test_one_document_on_stdout_and_nothing_else() -> None:
    prefix = found("WR-02", assessed()).finding.finding_id.hex()[:4]
    env = {key: value for key, value in os.environ.items() if not key.startswith("RXGUARD_")}
    command = [sys.executable, "-m", "rxguard", "explain", "-", "--finding", prefix, "--json"]
    result = subprocess.run(command, env=env, input=CASE.read_bytes(), capture_output=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout) == document() | {"file": "-"}


def test_an_id_may_be_given_whole_and_in_capitals(run: Callable[..., tuple[int, str, str]]) -> None:
    whole = found("WR-02", assessed()).finding.finding_id.hex()
    code, stdout, _ = run(CASE, "--finding", whole.upper())
    assert (code, "59 h x 1.25" in stdout) == (0, True)


def test_the_list_ends_with_0(run: Callable[..., tuple[int, str, str]]) -> None:
    code, stdout, stderr = run(CASE, "--json")
    assert (code, stderr) == (0, "")
    assert json.loads(stdout)["findings"][0]["rule"] == "WR-02"


def test_an_id_that_is_none_ends_with_2_and_names_the_candidates(run: Callable[..., tuple[int, str, str]]) -> None:
    every = [one.finding.finding_id.hex() for one in assessed().found]
    nobodys = next(f"{number:04x}" for number in range(9) if not any(one.startswith(f"{number:04x}") for one in every))
    code, stdout, stderr = run(CASE, "--finding", nobodys, "--json")
    assert (code, stdout) == (2, "")
    assert all(one[:8] in stderr for one in every)


def test_an_ambiguous_id_ends_with_2_and_names_those_that_it_could_mean(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    many = [
        event | {"source": f"s{number}", "patient": {"namespace": "n", "value": str(number)}}
        for number in range(400)
        for event in case()
    ]
    file = written(tmp_path / "f", many)
    by_prefix: dict[str, list[str]] = {}
    for one in assessed(file).found:
        identity = one.finding.finding_id.hex()
        by_prefix.setdefault(identity[:4], []).append(identity)
    prefix, twins = next((prefix, ids) for prefix, ids in by_prefix.items() if len(ids) > 1)
    code, stdout, stderr = run(file, "--finding", prefix)
    assert (code, stdout) == (2, "")
    assert all(one[:8] in stderr for one in twins)
    assert f"{len(twins)} findings begin with {prefix}" in stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--finding", "08b"), "4 hex digits"),
        (("--finding", "08bx"), "hex digits"),
        (("--finding", ""), "hex digits"),
        (("--patient", "xyz"), "hex digits"),
        (("--patient", "0" * 32), "--patient"),
        (("--curve",), "--finding"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_what_is_wrong(
    arguments: tuple[str, ...], named: str, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, stdout, stderr = run(CASE, *arguments)
    assert (code, stdout) == (2, "")
    assert named in stderr


def test_what_cannot_be_read_ends_with_3(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    for arguments, named in (
        ((tmp_path / "missing",), "FILE_UNREADABLE"),
        ((CASE, "--rules", tmp_path / "none"), "RULES_UNREADABLE"),
        ((written(tmp_path / "f", ["{broken"]), "--finding", "0000"), "NOTHING_ASSESSED"),
    ):
        code, stdout, stderr = run(*arguments)
        assert (code, stdout) == (3, "")
        assert named in stderr


def test_a_file_without_any_event_is_not_called_empty_of_findings(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, stdout, stderr = run(written(tmp_path / "f", ["{broken"]))
    assert code == 3
    assert "nothing was assessed" in stdout
    assert "No finding" not in stdout
    assert "NOTHING_ASSESSED" in stderr
