"""The curve of an opioid that leaves the body as a small chart in characters, within 80 columns."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Document = Mapping[str, Any]

_COLUMNS: Final = 61
_ROWS: Final = 11  # 100 %, 90 % ... 0 %
_LABELS: Final = {0: "100 %", _ROWS // 2: "50 %", _ROWS - 1: "0 %"}
_WITHOUT, _WITH, _BOTH = "o", "+", "*"
_STYLES: Final = {_WITHOUT: "cyan", _WITH: "bold yellow", _BOTH: "bold"}


class _Point(NamedTuple):
    hours: Decimal
    left_pct: Decimal
    with_interaction_pct: Decimal


def curve_chart(exposure: Document, line: Document) -> RenderableType:
    """Two lines, without and with what lengthens the half-life, and their numbers at start, middle and end.

    `exposure` and `line`: the same opioid in `exposures` and in `arithmetic` of the document.
    """
    points = _sampled([
        _Point(*(Decimal(point[key]) for key in ("hours", "left_pct", "left_with_interaction_pct")))
        for point in exposure["curve"]
    ])  # fmt: skip
    since = line["possible_end"] or "the end of its supply, which is not recorded"
    one_line = all(point.left_pct == point.with_interaction_pct for point in points)
    return Group(
        Text(f"How much {exposure['ingredient']} is left, % of what was there at {since}", style="bold"),
        *_drawn(points),
        Text(f"      0 h{f'{_text(points[-1].hours)} h':>{len(points) - 2}}"),
        _numbers(points, line["multiplier"]),
        *([Text("No interacting medicine lengthens it: both lines are one.")] if one_line else []),
        Text(
            "An estimate of first order at the highest half-life of the table, for the recorded supply alone. "
            "The windows decide, not the curve.",
            style="dim",
        ),
    )


def _sampled(points: Sequence[_Point]) -> list[_Point]:
    """At most one point a column; the first and the last are among them."""
    last, columns = len(points) - 1, min(len(points), _COLUMNS)
    return [points[round(column * last / (columns - 1))] for column in range(columns)]


def _drawn(points: Sequence[_Point]) -> list[Text]:
    cells = [[" "] * len(points) for _ in range(_ROWS)]
    for column, point in enumerate(points):
        without, with_it = _row(point.left_pct), _row(point.with_interaction_pct)
        cells[without][column] = _WITHOUT
        cells[with_it][column] = _BOTH if with_it == without else _WITH
    return [
        Text.assemble(f"{_LABELS.get(row, ''):>5} |", *((cell, _STYLES.get(cell, "")) for cell in line))
        for row, line in enumerate(cells)
    ]


def _row(percent: Decimal) -> int:
    """Rows count from the top."""
    return _ROWS - 1 - int((percent * (_ROWS - 1) / 100).to_integral_value(ROUND_HALF_UP))


def _numbers(points: Sequence[_Point], multiplier: str) -> Table:
    shown = (points[0], points[len(points) // 2], points[-1])
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for point in shown:
        table.add_column(f"{_text(point.hours)} h", justify="right", no_wrap=True)
    table.add_row(Text(f"{_WITHOUT} without interacting medicines"), *(f"{_text(point.left_pct)} %" for point in shown))
    table.add_row(
        Text(f"{_WITH} with them (half-life x {multiplier})"),
        *(f"{_text(point.with_interaction_pct)} %" for point in shown),
    )
    return table


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"
