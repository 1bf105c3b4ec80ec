"""The figures of policy.csv by name. No clinical figure is a literal in code."""

from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal

from rx_clinical.catalogue.tables import TableError, Tables

Value = Decimal | timedelta | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The figures of policy.csv, one field for each row; the table states their meaning and source."""

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
    label_short_lower: timedelta
    trial_dose: Decimal
    confirmation_valid: timedelta
    confirmation_monitoring: timedelta
    confirmation_growth: Decimal
    acute_lookback: timedelta
    acute_days: timedelta
    acute_elapsed: timedelta
    partial_new: timedelta
    partial_after_long: timedelta
    partial_after_short: timedelta
    inducer_new: timedelta
    inducer_short_course: timedelta
    inducer_stopped: timedelta
    inducer_stable: timedelta
    therapeutic_days: timedelta
    therapeutic_gap: timedelta
    longest_window: timedelta
    ldn_course_gap: timedelta
    ldn_thyroid_start: Decimal
    ldn_start_max: Decimal
    ldn_step_max: Decimal
    ldn_step_min_interval: timedelta
    ldn_history: timedelta
    ldn_review: timedelta
    ldn_early_effects: timedelta
    adult_age: int
    pregnancy_counts: timedelta
    breastfeeding_counts: timedelta
    too_many_facts: int
    late_beyond: timedelta
    tablet_strength: Decimal
    tablet_dose_below: Decimal
    potency_low: Decimal
    potency_high: Decimal
    weight_tolerance: Decimal
    weight_rsd: Decimal


def load_policy(tables: Tables) -> Policy:
    """Return policy.csv. Raises TableError for a missing, unknown or malformed row."""
    values: dict[str, Value] = {}
    for row in tables.rows("policy.csv"):
        name, value = row.required("name"), row.decimal("value")
        match row.one_of("unit", "h", "d", "count", "characters", "mg", "factor", "percent", "years"):
            case "h":
                values[name] = timedelta(hours=float(value))
            case "d":
                values[name] = timedelta(days=float(value))
            case "count" | "characters" | "years":
                values[name] = int(value)
            case _:
                values[name] = value
    expected = {field.name for field in fields(Policy)}
    if values.keys() != expected:
        raise TableError(f"policy.csv: missing or unknown {sorted(values.keys() ^ expected)}")
    return Policy(**values)  # type: ignore[arg-type]  # names compared above, units checked by row
