"""Explanation of a finding: every step of the arithmetic, the sources, and the decline of the opioid over time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.tables import Source
from rx_clinical.findings.wording import number_text, utc_text
from rx_clinical.model.findings import ArithmeticLine, Finding
from rx_clinical.model.washout import days_of, hours

_POINTS = 48  # of a curve: one for a screen or a page
_PERCENT = Decimal("0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArithmeticStep:
    """A step of the arithmetic, as one would write it down."""

    name: str
    working: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The opioid left at a time, in per cent of the amount at the end of the supply, 0 to 100."""

    hours: Decimal  # after the possible end of the supply
    left_pct: Decimal  # by the highest half-life of drugs.csv
    left_with_interaction_pct: Decimal  # with the precipitants that count


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The arithmetic of one exposure, with its curve."""

    ingredient: str
    form_key: str | None
    steps: tuple[ArithmeticStep, ...]
    curve: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A finding with its arithmetic and sources."""

    finding: Finding
    exposures: tuple[Exposure, ...]
    sources: tuple[Source, ...]

    def to_json(self) -> dict[str, object]:
        """Return `exposures` and `source_texts`, which go beside the FINDING document; numbers as decimal text."""
        return {
            "exposures": [
                {
                    "ingredient": exposure.ingredient,
                    "form_key": exposure.form_key,
                    "steps": [
                        {"name": step.name, "working": step.working, "result": step.result} for step in exposure.steps
                    ],
                    "curve": [
                        {
                            "hours": number_text(point.hours),
                            "left_pct": number_text(point.left_pct),
                            "left_with_interaction_pct": number_text(point.left_with_interaction_pct),
                        }
                        for point in exposure.curve
                    ],
                }
                for exposure in self.exposures
            ],
            "source_texts": [
                {"key": source.key, "address": source.address, "supports": source.supports, "status": source.status}
                for source in self.sources
            ],
        }

    def lines(self) -> list[str]:
        """Return the same as plain lines for people."""
        return list(_lines(self))


def explain(finding: Finding, catalogue: Catalogue) -> Explained:
    """Explain a finding. `catalogue` must be that of its assessment, as the finding names its sources."""
    return Explained(
        finding=finding,
        exposures=tuple(
            Exposure(
                ingredient=line.ingredient,
                form_key=line.form_key,
                steps=tuple(_steps(line, catalogue.policy, finding)),
                curve=tuple(curve(line)),
            )
            for line in finding.arithmetic
        ),
        sources=tuple(catalogue.sources[key] for key in finding.sources),
    )


def curve(line: ArithmeticLine) -> Iterator[Point]:
    """Yield the opioid left from the end of its supply to the end of its window, with and without precipitants.

    After n half-lives 2^-n is left. Assumes first-order elimination at the highest half-life, which overestimates the
    amount for most patients.
    """
    extended = line.half_life_high_h * line.multiplier
    for number in range(_POINTS + 1):
        hours = line.policy_window_h * number / _POINTS
        yield Point(
            hours=hours.quantize(_PERCENT, ROUND_HALF_UP),
            left_pct=_left(hours, line.half_life_high_h),
            left_with_interaction_pct=_left(hours, extended),
        )


def _left(hours: Decimal, half_life_h: Decimal) -> Decimal:
    return (100 * Decimal(2) ** (-hours / half_life_h)).quantize(_PERCENT, ROUND_HALF_UP)


def _steps(line: ArithmeticLine, policy: Policy, finding: Finding) -> Iterator[ArithmeticStep]:
    half_lives, extended_h = policy.half_lives, line.half_life_high_h * line.multiplier
    yield ArithmeticStep(
        name="half-life with interacting medicines",
        working=f"{number_text(line.half_life_high_h)} h x {number_text(line.multiplier)}",
        result=f"{number_text(extended_h)} h",
    )
    yield ArithmeticStep(
        name=f"time until {half_lives} half-lives have passed",
        working=f"{half_lives} x {number_text(extended_h)} h",
        result=f"{number_text(half_lives * extended_h)} h",
    )
    yield ArithmeticStep(
        name="hard window: the longer of that and the label interval, whole minutes",
        working=f"max({number_text(line.label_interval_h)} h, {number_text(half_lives * extended_h)} h)",
        result=f"{number_text(line.hard_window_h)} h",
    )
    yield ArithmeticStep(
        name="whole window: at least two weeks",
        working=f"max({number_text(hours(policy.floor))} h, {number_text(line.hard_window_h)} h)",
        result=f"{number_text(line.policy_window_h)} h",
    )
    if line.elapsed_h is not None and line.supply_end is not None:
        yield ArithmeticStep(
            name="elapsed since the end of the known supply, at the time judged",
            working=f"{utc_text(finding.active_from)} - {utc_text(line.supply_end)}",
            result=f"{number_text(line.elapsed_h)} h",
        )
    if line.possible_end is None:
        yield ArithmeticStep(
            name="earliest start by this opioid", working="no end of its use is recorded", result="none"
        )
    else:
        yield ArithmeticStep(
            name="earliest start by this opioid: possible end of the supply and the whole window",
            working=f"{utc_text(line.possible_end)} + {number_text(line.policy_window_h)} h",
            result=utc_text(line.possible_end + days_of(line.policy_window_h / 24)),
        )


def _lines(explained: Explained) -> Iterator[str]:
    finding = explained.finding
    yield f"{finding.rule} {finding.severity} ({finding.display})"
    yield finding.text
    for exposure in explained.exposures:
        yield ""
        yield f"{exposure.ingredient} ({exposure.form_key})" if exposure.form_key else exposure.ingredient
        yield from (f"  {step.name}: {step.working} = {step.result}" for step in exposure.steps)
    yield from _section("Assumptions", finding.assumptions)
    yield from _section("Actions", finding.recommended_actions)
    yield ""
    yield f"Evidence: {finding.evidence_level}"
    yield from _section(
        "Sources",
        (f"{source.key}: {source.supports} ({source.status}; {source.address})" for source in explained.sources),
    )
    yield ""
    yield "Decision support for professionals. Not a medical device and not medical advice."


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in found)
