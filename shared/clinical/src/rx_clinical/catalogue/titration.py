"""The titration of low-dose naltrexone as objects: plans, what follows a response, dispensed strengths against them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.tables import Row, TableError, Tables
from rx_clinical.model.washout import days_of


class Response(StrEnum):
    """How the patient does on a step."""

    WELL = "well"  # no trouble, not there yet
    EFFECTIVE = "effective"  # the dose works: stay on it
    NIGHT = "night"  # vivid dreams, sleeplessness or headache
    GUT = "gut"  # loose stool or cramps for longer than one to two weeks


class Move(StrEnum):
    """What to do next."""

    NEXT_STEP = "next_step"
    STAY = "stay"
    BACK_ONE_STEP = "back_one_step"
    HOLD_AT_EFFECTIVE_DOSE = "hold_at_effective_dose"
    PAUSE_THEN_TRANSDERMAL = "pause_then_transdermal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a plan."""

    dose_mg: Decimal  # a day
    route: str
    min_time: timedelta
    max_time: timedelta
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order. A legitimate start may be very low, or through the skin."""

    name: str
    steps: tuple[Step, ...]

    def after(self, step: int, response: Response, elapsed: timedelta) -> tuple[Move, int]:
        """What follows step number `step` (from 0) after `elapsed` on it, and the step to be on.

        A good response at a low dose ends the escalation. Raises IndexError for a step that the plan has not.
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
    """A dose that a patient was supplied with, from a time on."""

    time: datetime
    dose_mg: Decimal


class Deviation(StrEnum):
    """How dispensed strengths leave every usual titration."""

    START_TOO_HIGH = "START_TOO_HIGH"
    STEP_TOO_LARGE = "STEP_TOO_LARGE"
    STEP_TOO_SOON = "STEP_TOO_SOON"


def deviations(dispensed: Sequence[Dispensed], policy: Policy) -> list[tuple[Dispensed, Deviation]]:
    """Where the doses of one course, in order of time, leave the usual titration: at which supply, and how."""
    found: list[tuple[Dispensed, Deviation]] = []
    since: Dispensed | None = None  # the supply that the current dose began with
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


def load_plans(tables: Tables) -> dict[str, Plan]:
    """titrations.csv by plan. Raises TableError where steps are out of order or a dose falls."""
    rows: dict[str, list[Row]] = {}
    for row in tables.rows("titrations.csv"):
        rows.setdefault(row.required("plan"), []).append(row)
    return {name: _plan(name, found, tables) for name, found in rows.items()}


def _plan(name: str, rows: list[Row], tables: Tables) -> Plan:
    steps = tuple(
        Step(
            dose_mg=row.decimal("dose_mg"),
            route=row.required("route"),
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
    return Plan(name, steps)
