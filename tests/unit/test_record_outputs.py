import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "record_outputs.py"
BEFORE = {"reason_codes": ["FIVE_HALF_LIVES", "OLD_NAME", "RESTRICTED"], "text": "OLD_NAME.", "ruleset_version": "a1"}
AFTER = {"reason_codes": ["FIVE_HALF_LIVES", "RESTRICTED", "VERY_NEW"], "text": "VERY_NEW.", "ruleset_version": "b2"}
RENAMED = ("--renamed", "OLD_NAME=VERY_NEW")


def recording(folder: Path, document: object, name: str = "findings.jsonl") -> Path:
    folder.mkdir()
    (folder / name).write_text(json.dumps(document) + "\n")
    return folder


def compare(before: Path, after: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, str(TOOL), "compare", str(before), str(after), *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


def test_equal_recordings_are_equal(tmp_path: Path) -> None:
    code, printed = compare(recording(tmp_path / "a", BEFORE), recording(tmp_path / "b", BEFORE))

    assert code == 0
    assert "0 of 1 files differ" in printed


def test_a_changed_value_is_a_difference(tmp_path: Path) -> None:
    changed = BEFORE | {"text": "other"}

    code, printed = compare(recording(tmp_path / "a", BEFORE), recording(tmp_path / "b", changed))

    assert code == 1
    assert "differs  findings.jsonl: 1 of 1 documents" in printed
    assert '+ "text": "other"' in printed


def test_the_order_of_keys_is_part_of_what_is_published(tmp_path: Path) -> None:
    turned = dict(reversed(BEFORE.items()))

    assert compare(recording(tmp_path / "a", BEFORE), recording(tmp_path / "b", turned))[0] == 1


def test_a_file_that_only_one_has_is_a_difference(tmp_path: Path) -> None:
    code, printed = compare(recording(tmp_path / "a", BEFORE), recording(tmp_path / "b", BEFORE, "alerts.jsonl"))

    assert code == 1
    assert "2 of 2 files differ" in printed


def test_a_renamed_code_is_no_difference_wherever_it_sorts(tmp_path: Path) -> None:
    before, after = recording(tmp_path / "a", BEFORE), recording(tmp_path / "b", AFTER)

    assert compare(before, after, *RENAMED, "--ignore-ruleset")[0] == 0
    assert compare(before, after, *RENAMED)[0] == 1
    assert compare(before, after, "--ignore-ruleset")[0] == 1


def test_a_part_of_a_longer_name_is_not_renamed(tmp_path: Path) -> None:
    before = recording(tmp_path / "a", {"code": "OLD_NAME_TOO"})
    after = recording(tmp_path / "b", {"code": "VERY_NEW_TOO"})

    assert compare(before, after, *RENAMED)[0] == 1
