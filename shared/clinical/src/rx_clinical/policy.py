"""The numbers of policy.csv under their names. No clinical number stands in code."""

from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal

from rx_clinical.tables import TableError, Tables

Value = Decimal | timedelta | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One field a row of policy.csv, which says what each means."""

    half_lives: int
    floor: timedelta
    label_short: timedelta
    long_half_life: timedelta
    multiplier_floor: Decimal
    multiplier_cap: Decimal
    assumed_supply: timedelta
    order_open: timedelta
    order_ended_tail: timedelta
    order_match: timedelta
    same_supply: timedelta
    ongoing_lookback: timedelta
    otc_lapse: timedelta
    depot_injection: timedelta
    depot_block: timedelta
    new_interaction: timedelta
    horizon: timedelta
    blocker_afterglow: timedelta
    loperamide_misuse_above: Decimal
    spacing_below: timedelta
    spacing_cue: int
    spacing_negation: int


def load_policy(tables: Tables) -> Policy:
    """All of policy.csv. Raises TableError for a missing, unknown or malformed row."""
    values: dict[str, Value] = {}
    for row in tables.rows("policy.csv"):
        name, value = row.required("name"), row.decimal("value")
        match row.one_of("unit", "h", "d", "count", "characters", "mg", "factor"):
            case "h":
                values[name] = timedelta(hours=float(value))
            case "d":
                values[name] = timedelta(days=float(value))
            case "count" | "characters":
                values[name] = int(value)
            case _:
                values[name] = value
    expected = {field.name for field in fields(Policy)}
    if values.keys() != expected:
        raise TableError(f"policy.csv: missing or unknown {sorted(values.keys() ^ expected)}")
    return Policy(**values)  # type: ignore[arg-type]  # the names were compared, the units are the table's
