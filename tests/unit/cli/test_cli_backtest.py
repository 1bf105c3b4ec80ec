"""Recorded events under two versions of the tables: what is gained, lost and changed, and what was not taken."""

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rx_ingest.reader import Reader
from rx_runtime.errors import InvalidInput
from rxguard.client.records import MAX_LINE_BYTES
from rxguard.recordings.backtest import words_only
from rxguard.recordings.reading import patient_name
from rxguard.views.backtest import backtest_report

from tests.lib.cli.backtest_case import CASE, DATA, METHADONE, WR_02, case, rules_of, run, written

RANITIDINE = {"perpetrator_rxnorm": "9143", "victim_rxnorm": "6813"}


def fields_of(document: dict[str, Any], rule: str) -> dict[str, tuple[Any, Any]]:
    (changed,) = (one for one in document["changed"] if one["rule"] == rule)
    return {one["field"]: (one["a"], one["b"]) for one in changed["fields"]}


def test_a_shorter_half_life_loses_the_withdrawal_that_it_alone_carried(half_life_50: Path) -> None:
    document = run(CASE, "builtin", half_life_50)
    (lost,) = document["lost"]
    assert (lost["rule"], lost["earliest_start_time"]) == ("WR-02", "2026-04-15T17:45:00Z")
    assert lost["patient"] == patient_name("main-street", "demo-methadone").hex()
    assert document["gained"] == []
    assert document["summary"]["by_rule"]["WR-02"] == {"gained": 0, "lost": 1, "changed": 0}


def test_the_other_way_round_it_is_gained(half_life_50: Path) -> None:
    there, back = run(CASE, "builtin", half_life_50), run(CASE, half_life_50, "builtin")
    assert rules_of(back["gained"]) == ["WR-02"]
    assert (back["gained"], back["lost"]) == (there["lost"], there["gained"])


def test_a_removed_interacting_medicine_loses_its_finding_and_the_window_that_it_lengthened(
    edited: Callable[..., Path],
) -> None:
    document = run(CASE, "builtin", edited("no-ranitidine", "perpetrators.csv", RANITIDINE, None))
    assert rules_of(document["lost"]) == ["WR-02", "PK-01"]
    before, after = (one["findings"] for one in document["rules"])
    assert before - after == 2


def test_a_longer_half_life_changes_the_start_and_shows_both(edited: Callable[..., Path]) -> None:
    document = run(CASE, "builtin", edited("half-life-60", "drugs.csv", METHADONE, {"t_half_high_h": "60"}))
    assert (document["gained"], document["lost"]) == ([], [])
    fields = fields_of(document, "WR-02")
    assert fields["earliest_start_time"] == ("2026-04-15T17:45:00Z", "2026-04-16T00:00:00Z")
    before, after = fields["arithmetic"]
    assert (before[0]["half_life_high_h"], after[0]["half_life_high_h"]) == ("59", "60")
    assert ["368.75 h" in fields["text"][0], "375 h" in fields["text"][1]] == [True, True]
    assert document["summary"]["changed_in_words_only"] == 0


def test_a_new_wording_is_a_change_that_is_told_apart(edited: Callable[..., Path]) -> None:
    document = run(
        CASE, "builtin", edited("wording", "rules.csv", WR_02, {"recommended_action": "Wait; ask the prescriber"})
    )
    (changed,) = document["changed"]
    assert (changed["rule"], changed["words_only"]) == ("WR-02", True)
    assert list(fields_of(document, "WR-02")) == ["recommended_actions"]
    before, _ = document["rules"]
    assert document["summary"] == {
        "gained": 0,
        "lost": 0,
        "changed": 1,
        "changed_in_words_only": 1,
        "unchanged": before["findings"] - 1,
        "by_rule": {"WR-02": {"gained": 0, "lost": 0, "changed": 1}},
    }


def test_a_text_with_another_number_is_more_than_words(edited: Callable[..., Path]) -> None:
    """A finding without arithmetic says its numbers in the text alone."""
    document = run(
        CASE, "builtin", edited("stronger", "perpetrators.csv", RANITIDINE, {"t_half_multiplier_used": "1.3"})
    )
    (changed,) = (one for one in document["changed"] if one["rule"] == "PK-01")
    assert [one["field"] for one in changed["fields"]] == ["text"]
    assert not changed["words_only"]


@pytest.mark.parametrize(
    ("field", "a", "b", "words"),
    [
        ("text", "wait 14 days", "hold 14 days", True),
        ("text", "wait 14 days", "wait 7 days", False),
        ("recommended_actions", ["Hold"], ["Hold", "Call"], True),
        ("severity", "major", "info", False),
        ("reason_codes", ["A"], ["B"], False),
        ("arithmetic", [{"elapsed_h": "1", "text": "at 1 h"}], [{"elapsed_h": "1", "text": "after 1 h"}], True),
        ("arithmetic", [{"elapsed_h": "1", "text": "at 1 h"}], [{"elapsed_h": "2", "text": "at 2 h"}], False),
        ("arithmetic", [{"elapsed_h": "1", "text": "at 1 h"}], [], False),
    ],
)
def test_what_counts_as_words_only(field: str, a: object, b: object, words: bool) -> None:  # noqa: FBT001  # a column
    assert words_only(field, a, b) is words


def test_equal_tables_have_no_difference(edited: Callable[..., Path]) -> None:
    document = run(CASE, "builtin", edited("same", "drugs.csv", METHADONE, {"t_half_high_h": "59"}))
    assert (document["gained"], document["lost"], document["changed"]) == ([], [], [])
    assert document["summary"]["unchanged"] == document["rules"][0]["findings"] >= 2
    assert document["summary"]["by_rule"] == {}


def test_each_version_codes_products_by_its_own_tables(edited: Callable[..., Path]) -> None:
    """Without its row the tablet is no methadone, and the answer names the code instead of finding nothing."""
    document = run(CASE, "builtin", edited("no-tablet", "products.csv", {"rxnorm_code": "864706"}, None))
    assert rules_of(document["lost"]) == ["WR-02", "PK-01"]
    coded, uncoded = (one["uncoded_products"] for one in document["rules"])
    assert coded == []
    assert [(product["code"], product["count"]) for product in uncoded] == [("864706", 1)]


def test_the_highest_revision_of_an_event_counts(tmp_path: Path, half_life_50: Path) -> None:
    """The correction says that the methadone lasted one day: nothing meets the LDN, under neither version."""
    fill = case()[0] | {"recorded_time": "2026-03-02T00:00:00Z"}
    fill["medicine"]["days_supply"] = "1"
    corrected = written(tmp_path / "f", [fill, *case()])
    document = run(corrected, "builtin", half_life_50)
    assert document["events"] == len(case()) + 1
    assert "WR-02" not in document["summary"]["by_rule"]


def test_bundles_are_read_as_the_service_reads_them() -> None:
    document = run(DATA / "synthea-ten.ndjson", "builtin", "builtin")
    assert (document["patients"], document["events"], document["dead_letters"]) == (10, 336, [])


def test_gzip_is_told_by_content(tmp_path: Path, half_life_50: Path) -> None:
    packed = tmp_path / "events.ndjson"
    packed.write_bytes(gzip.compress(CASE.read_bytes()))
    assert run(packed, "builtin", half_life_50) == run(CASE, "builtin", half_life_50) | {"file": str(packed)}


def test_a_merge_is_named_as_not_read_and_joins_nothing(tmp_path: Path) -> None:
    """As in the services: a patient is who the source says."""
    other = {"namespace": "main-street", "value": "other"}
    fill, *others = case()
    kept = ("event_id", "source", "site_id", "patient", "occurred_time", "recorded_time")
    merge = {key: fill[key] for key in kept} | {"type": "patient_merged", "event_id": "m", "from_patient": other}
    document = run(written(tmp_path / "f", [fill | {"patient": other}, *others, merge]), "builtin", "builtin")
    assert (document["patients"], document["dead_letters"]) == (2, [])
    assert [one["facts_not_read"] for one in document["rules"]] == [["merge"], ["merge"]]
    assert "does not read: merge" in shown(document)


def test_what_cannot_be_taken_is_counted_by_code_and_line(tmp_path: Path, half_life_50: Path) -> None:
    fill = case()[0]
    lines = [*case(), "{broken", "[1]", fill | {"event_id": "x", "site_id": "elsewhere"}]
    document = run(written(tmp_path / "f", lines), "builtin", half_life_50)
    first = len(case()) + 1
    assert [(one["line"], one["entry"], one["code"], one["count"]) for one in document["dead_letters"]] == [
        (first, None, "NOT_JSON", 1),
        (first + 1, 0, "NOT_AN_OBJECT", 1),
        (first + 2, 0, "UNKNOWN_SITE", 1),
    ]
    assert {tuple(one["rules"]) for one in document["dead_letters"]} == {("a", "b")}
    assert (document["events"], rules_of(document["lost"])) == (len(case()), ["WR-02"])


def test_a_line_that_the_topic_does_not_take_is_named(tmp_path: Path) -> None:
    document = run(written(tmp_path / "f", ["x" * (MAX_LINE_BYTES + 1), *case()]), "builtin", "builtin")
    assert [(one["line"], one["code"]) for one in document["dead_letters"]] == [(1, "LINE_TOO_LONG")]


def test_an_event_recorded_in_the_far_future_is_refused_as_by_the_service(tmp_path: Path) -> None:
    late = written(tmp_path / "f", [*case(), case()[0] | {"event_id": "x", "recorded_time": "2099-01-01T00:00:00Z"}])
    assert [one["code"] for one in run(late, "builtin", "builtin")["dead_letters"]] == ["RECORDED_IN_FUTURE"]


def test_what_the_file_says_twice_counts_once(tmp_path: Path) -> None:
    document = run(written(tmp_path / "f", [*case(), *case()]), "builtin", "builtin")
    assert (document["events"], document["repeated"], document["dead_letters"]) == (len(case()), len(case()), [])


def test_what_contradicts_the_rest_of_the_file_is_refused_with_the_codes_of_the_service(tmp_path: Path) -> None:
    fill = case()[0]
    longer = fill | {"medicine": fill["medicine"] | {"days_supply": "31"}}
    of_another = fill | {"patient": {"namespace": "x", "value": "y"}, "source_revision": 9_000_000_000_000_000}
    document = run(written(tmp_path / "f", [*case(), longer, of_another]), "builtin", "builtin")
    assert document["events"] == len(case())
    assert sorted(one["code"] for one in document["dead_letters"]) == ["EVENT_CONFLICT", "EVENT_PATIENT_CHANGED"]


def test_an_entry_that_only_one_version_refuses_is_named_with_it(
    monkeypatch: pytest.MonkeyPatch, half_life_50: Path
) -> None:
    read = Reader._read
    readers: list[Reader] = []

    def refusing(self: Reader, record: Any) -> Any:
        readers.append(self)
        first, *_ = readers
        found = read(self, record)
        return found if self is first else replace(found, entries=read(self, replace(record, value=b"{")).entries)

    monkeypatch.setattr(Reader, "_read", refusing)
    document = run(CASE, "builtin", half_life_50)
    assert {tuple(one["rules"]) for one in document["dead_letters"]} == {("b",)}
    assert (document["events"], rules_of(document["lost"])) == (len(case()), ["WR-02", "PK-01"])


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_lines_means_nothing(tmp_path: Path, half_life_50: Path, seed: int) -> None:
    fill, *_ = case()
    contradicting = [fill | {"medicine": fill["medicine"] | {"days_supply": days}} for days in ("29", "31", "32")]
    lines = [json.loads(line) for line in (DATA / "synthea-ten.ndjson").read_text().splitlines()]
    lines += [*case(), *case(), *contradicting]
    ordered = run(written(tmp_path / "f", lines), "builtin", half_life_50)
    random.Random(seed).shuffle(lines)  # noqa: S311  # no secret
    shuffled = run(written(tmp_path / "f", lines), "builtin", half_life_50)
    assert ordered["dead_letters"]
    assert rules_of(ordered["lost"]) == ["WR-02"]
    assert _without_lines(shuffled) == _without_lines(ordered)


def _without_lines(document: dict[str, Any]) -> dict[str, Any]:
    letters = [{key: value for key, value in one.items() if key != "line"} for one in document["dead_letters"]]
    return document | {"dead_letters": sorted(letters, key=json.dumps)}


def test_a_broken_table_is_named_with_its_row(edited: Callable[..., Path]) -> None:
    broken = edited("broken", "drugs.csv", METHADONE, {"t_half_high_h": "long"})
    with pytest.raises(InvalidInput, match=r"drugs\.csv line \d+ \(6813\): t_half_high_h") as error:
        run(CASE, "builtin", broken)
    assert str(broken) in error.value.message


def test_tables_that_lack_a_rule_are_refused_before_anything_is_assessed(edited: Callable[..., Path]) -> None:
    with pytest.raises(InvalidInput, match=r"rules\.csv: no row for WR-02"):
        run(CASE, edited("lacking", "rules.csv", WR_02, None), "builtin")


def test_a_table_without_one_of_its_columns_is_refused(edited: Callable[..., Path]) -> None:
    folder = edited("headless", "rules.csv", WR_02, {})
    table = folder / "rules.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("family", "famly", 1), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"RULES_UNREADABLE.*family"):
        run(CASE, "builtin", folder)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="RULES_UNREADABLE"):
        run(CASE, tmp_path / "missing", "builtin")


def shown(document: dict[str, Any], limit: int = 10) -> str:
    console = Console(file=StringIO(), width=80, color_system=None)
    console.print(backtest_report(document | {"file": "events.ndjson"}, limit))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert all(len(line) <= 80 for line in text.splitlines())
    return " ".join(text.split())
