"""The figures of a results document as pictures: SVG, drawn here, readable on light and dark pages."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 190, 110, 44, 46
_ROW = 26
_OURS, _OTHERS = "#0b7285", "#868e96"
_LINES = ("#0b7285", "#e8590c", "#5f3dc4")

Points = Sequence[tuple[float, float]]


def pictures(document: Mapping[str, Any]) -> dict[str, str]:
    """Return a picture for each kind of figure that the document holds, by name."""
    metrics = document["metrics"]
    found: dict[str, str] = {}
    if engines := document["engines"]:
        rates = {name: float(engine["median_events_per_s"]) for name, engine in engines.items()}
        found["engines"] = bars("Events per second, median of the runs", rates)
    if latency := metrics.get("latency_ms"):
        lines = {name: [(float(rate), figures[name]) for rate, figures in latency.items()] for name in ("p50", "p99")}
        found["latency"] = curves("Inbound topic to alert, milliseconds", "events per second", lines)
    if by_patients := metrics.get("by_patients"):
        line = [(float(count), figures["event_us"]) for count, figures in by_patients.items()]
        found["patients"] = curves("Microseconds an event, full rules", "patients in the state", {"": line})
    if by_facts := metrics.get("event_us_by_facts"):
        line = [(float(count), cost) for count, cost in by_facts.items()]
        found["facts"] = curves("Microseconds an event, full rules", "facts of the patient", {"": line})
    return found


def bars(title: str, values: Mapping[str, float]) -> str:
    """Horizontal bars from zero, longest first; ours in colour."""
    ordered = sorted(values.items(), key=lambda item: -item[1])
    longest = max(values.values()) or 1.0
    parts = [_text(12, 24, title, weight="bold")]
    for row, (name, value) in enumerate(ordered):
        y = _TOP + row * _ROW
        length = value / longest * (_WIDTH - _LEFT - _RIGHT)
        colour = _OURS if name.startswith("rxguard") else _OTHERS
        parts += [
            _text(_LEFT - 8, y + 14, name, anchor="end"),
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_ROW - 8}" fill="{colour}"/>',
            _text(_LEFT + length + 6, y + 14, f"{value:,.0f}"),
        ]
    return _svg(_TOP + len(ordered) * _ROW + 12, parts)


def curves(title: str, across: str, lines: Mapping[str, Points]) -> str:
    """Lines over two logarithmic axes, each point with its value; values of zero or less are drawn at the bottom."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = _powers_of_ten([max(y, 0.1) for points in lines.values() for _, y in points])
    left, right = 70, _WIDTH - _RIGHT
    first = left + 30  # so that the first number stands beside those of the axis
    top, bottom = _TOP + 10, _HEIGHT - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            first + _share(x, min(xs), max(xs)) * (right - first),
            bottom - _share(max(y, 0.1), min(ys), max(ys)) * (bottom - top),
        )

    parts = [
        _text(12, 24, title, weight="bold"),
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{_OTHERS}"/>',
        _text((left + right) / 2, _HEIGHT - 8, across, anchor="middle"),
    ]
    parts += [_text(place(x, ys[0])[0], bottom + 16, f"{x:,.0f}", anchor="middle") for x in sorted(set(xs))]
    for y in ys:
        height = place(xs[0], y)[1]
        parts.append(f'<path d="M{left} {height:.1f}H{right}" stroke="#dee2e6"/>')
        parts.append(_text(left - 8, height + 4, _number(y), anchor="end"))
    for (name, points), colour in zip(lines.items(), _LINES, strict=False):
        placed = [place(x, y) for x, y in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), (_, value) in zip(placed, points, strict=True):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(_text(x, y - 8, _number(value), anchor="middle", colour=colour))
        parts.append(_text(placed[-1][0] + 12, placed[-1][1] + 4, name, colour=colour, weight="bold"))
    return _svg(_HEIGHT, parts)


def _powers_of_ten(values: Sequence[float]) -> list[float]:
    """Those that values lie between, the one below and the one above included."""
    lowest, highest = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**power for power in range(lowest, max(highest, lowest + 1) + 1)]


def _number(value: float) -> str:
    """Three digits that count, and thousands set apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004  # from there on three digits stand before the point


def _share(value: float, lowest: float, highest: float) -> float:
    """Where a value lies between two others on a logarithmic scale, 0 to 1; half where they are equal."""
    if lowest == highest:
        return 0.5
    return (math.log(value) - math.log(lowest)) / (math.log(highest) - math.log(lowest))


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#495057", weight: str = "") -> str:
    style = f' font-weight="{weight}"' if weight else ""
    style += ' stroke="#ffffff" stroke-width="3" paint-order="stroke"'  # so that no line runs through a number
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{style}>{escape(text)}</text>'


def _svg(height: int, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    background = f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    font = 'font-family="system-ui, sans-serif" font-size="13"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>\n{background}\n' + "\n".join(parts) + "\n</svg>\n"
