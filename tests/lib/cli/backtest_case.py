"""The recorded methadone case, and how a test runs it under two versions of the tables."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rxguard
from rxguard.recordings.backtest import backtest
from rxguard.views.common import site_registry

DATA = Path(rxguard.__file__).with_name("data")
CASE = DATA / "methadone-case.ndjson"
"""Methadone until 03-31 09:00, ranitidine, LDN on 04-14 12:00: 339 h later, inside max(336, 5 x 59 h x 1.25) h."""

NOW_MS = 1_800_000_000_000  # 2027-01-15, well after the case
METHADONE = {"form_key": "methadone_oral"}
WR_02 = {"rule_id": "WR-02"}
Row = dict[str, str]


def run(file: Path | str, a: Path | str, b: Path | str, **options: Any) -> dict[str, Any]:
    return backtest(str(file), (str(a), str(b)), sites=site_registry(), **({"now_ms": NOW_MS} | options))


def case(**changes: Any) -> list[dict[str, Any]]:
    return [json.loads(line) | changes for line in CASE.read_text().splitlines()]


def written(path: Path, lines: Iterable[dict[str, Any] | str]) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def rules_of(findings: Iterable[dict[str, Any]]) -> list[str]:
    """Of the two rules that the case is about; others may speak of it too."""
    return [finding["rule"] for finding in findings if finding["rule"] in {"WR-02", "PK-01"}]
