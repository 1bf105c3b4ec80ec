"""Titration of low-dose naltrexone: plans, the next move after a response, and deviations of dispensed doses."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.tables import Row, TableError, Tables
from rx_clinical.model.codes import Route
from rx_clinical.model.washout import days_of


class Response(StrEnum):
    """Response of the patient to a step."""

    WELL = "well"  # no side effect, not yet effective
    EFFECTIVE = "effective"  # the dose works
    NIGHT = "night"  # vivid dreams, sleeplessness or headache
    GUT = "gut"  # loose stool or cramps for longer than one to two weeks


class Move(StrEnum):
    """The next move of a titration."""

    NEXT_STEP = "next_step"
    STAY = "stay"
    BACK_ONE_STEP = "back_one_step"
    HOLD_AT_EFFECTIVE_DOSE = "hold_at_effective_dose"
    PAUSE_THEN_TRANSDERMAL = "pause_then_transdermal"


@dataclass(frozen=True, slots=True, kw_only=True)
class TitrationStep:
    """A step of a plan."""

    dose_mg: Decimal  # mg a day
    route: Route
    min_time: timedelta
    max_time: timedelta
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TitrationPlan:
    """Steps in order. A plan may start very low, or transdermally."""

    name: str
    steps: tuple[TitrationStep, ...]

    def after(self, step: int, response: Response, elapsed: timedelta) -> tuple[Move, int]:
        """Return the move after `elapsed` on step number `step` (from 0), and the number of the step to be on.

        A good response at a low dose ends the escalation. Raises IndexError for a step that the plan does not have.
        """
        current = self.steps[step]
        match response:
            case Response.EFFECTIVE:
                return Move.HOLD_AT_EFFECTIVE_DOSE, step
            case Response.NIGHT:
                return (Move.BACK_ONE_STEP, step - 1) if step else (Move.STAY, step)
            case Response.GUT:
                return Move.PAUSE_THEN_TRANSDERMAL, step
            case _:
                ready = elapsed >= current.min_time and step + 1 < len(self.steps)
                return (Move.NEXT_STEP, step + 1) if ready else (Move.STAY, step)


@dataclass(frozen=True, slots=True)
class Dispensed:
    """A dose in mg a day that a patient is supplied with from a time on."""

    time: datetime
    dose_mg: Decimal


class Deviation(StrEnum):
    """How a dispensed dose deviates from every usual titration."""

    START_TOO_HIGH = "START_TOO_HIGH"
    STEP_TOO_LARGE = "STEP_TOO_LARGE"
    STEP_TOO_SOON = "STEP_TOO_SOON"


def deviations(dispensed: Sequence[Dispensed], policy: Policy) -> list[tuple[Dispensed, Deviation]]:
    """Return the supplies of one course, in order of time, that deviate from the usual titration, and how."""
    found: list[tuple[Dispensed, Deviation]] = []
    since: Dispensed | None = None  # the first supply of the current dose
    for supply in dispensed:
        if since is None:
            if supply.dose_mg > policy.ldn_start_max:
                found.append((supply, Deviation.START_TOO_HIGH))
            since = supply
            continue
        if supply.dose_mg > since.dose_mg:
            if supply.dose_mg - since.dose_mg > policy.ldn_step_max:
                found.append((supply, Deviation.STEP_TOO_LARGE))
            if supply.time - since.time < policy.ldn_step_min_interval:
                found.append((supply, Deviation.STEP_TOO_SOON))
        if supply.dose_mg != since.dose_mg:
            since = supply
    return found


def load_plans(tables: Tables) -> dict[str, TitrationPlan]:
    """Return titrations.csv by plan. Raises TableError if steps are out of order or a dose decreases."""
    rows: dict[str, list[Row]] = {}
    for row in tables.rows("titrations.csv"):
        rows.setdefault(row.required("plan"), []).append(row)
    return {name: _plan(name, found, tables) for name, found in rows.items()}


def _route(row: Row) -> Route:
    row.required("route")
    return Route(row.one_of("route", *Route))


def _plan(name: str, rows: list[Row], tables: Tables) -> TitrationPlan:
    steps = tuple(
        TitrationStep(
            dose_mg=row.decimal("dose_mg"),
            route=_route(row),
            min_time=days_of(row.decimal("min_days")),
            max_time=days_of(row.decimal("max_days")),
            sources=tables.sources_of(row),
        )
        for row in rows
    )
    if [row.required("step") for row in rows] != [str(number) for number in range(1, len(rows) + 1)]:
        raise TableError(f"titrations.csv ({name}): steps are not 1 to {len(rows)} in order")
    if any(later.dose_mg < earlier.dose_mg for earlier, later in itertools.pairwise(steps)):
        raise TableError(f"titrations.csv ({name}): a dose falls")
    return TitrationPlan(name, steps)
