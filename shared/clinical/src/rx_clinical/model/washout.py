"""Arithmetic of washout windows, exact: hours as decimals, lengths rounded up to whole minutes, instants unrounded."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

FOREVER = datetime.max.replace(tzinfo=UTC)  # an end that is not recorded
BEGINNING_OF_TIME = datetime.min.replace(tzinfo=UTC)  # earlier than any fact
_LONGEST_DAYS = Decimal(1_000_000)  # longer than any calendar: a longer supply has no end
_MICROSECONDS_A_DAY = 86_400_000_000
_PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLengths:
    """Lengths of the washout window: how long an antagonist must wait after the end of an opioid exposure."""

    label_interval_h: Decimal
    half_life_high_h: Decimal
    multiplier: Decimal
    half_lives: int  # that must pass: k
    hard: timedelta  # max(label interval, k x half-life x multiplier), up to whole minutes
    policy: timedelta  # max(two weeks, hard), up to whole minutes

    @property
    def by_half_lives(self) -> bool:
        """Return True if the half-lives, not the label interval, set the hard window."""
        return self.half_lives * self.half_life_high_h * self.multiplier > self.label_interval_h

    @property
    def by_floor(self) -> bool:
        """Return True if the two weeks, not the hard window, set the earliest start."""
        return self.policy > self.hard


@lru_cache(maxsize=4096)
def window_lengths(
    *, label_interval_h: Decimal, half_life_high_h: Decimal, multiplier: Decimal, half_lives: int, floor: timedelta
) -> WindowLengths:
    """Return the window lengths of an opioid form at a half-life multiplier. `floor`: the two weeks of policy.csv."""
    hard_h = max(label_interval_h, half_lives * half_life_high_h * multiplier)
    hard = timedelta(minutes=int((hard_h * 60).to_integral_value(ROUND_CEILING)))
    return WindowLengths(
        label_interval_h=label_interval_h,
        half_life_high_h=half_life_high_h,
        multiplier=multiplier,
        half_lives=half_lives,
        hard=hard,
        policy=max(floor, hard),
    )


@lru_cache(maxsize=4096)
def days_of(days: Decimal) -> timedelta:
    """Return days of supply as elapsed time, one day = 24 h, exact to the microsecond."""
    return timedelta(microseconds=int(min(days, _LONGEST_DAYS) * _MICROSECONDS_A_DAY))


def hours(length: timedelta) -> Decimal:
    """Return a length in hours, a decimal without trailing zeros and with at most six places."""
    exact = Decimal(length.days * _MICROSECONDS_A_DAY + length.seconds * 1_000_000 + length.microseconds)
    return plain((exact / 3_600_000_000).quantize(_PLACES))


def plain(value: Decimal) -> Decimal:
    """Return the same number without trailing zeros and without an exponent."""
    short = value.normalize()
    return Decimal(f"{short:f}")


def later(time: datetime, length: timedelta) -> datetime:
    """Return `time` + `length`, clamped to the calendar: FOREVER stays FOREVER, an overflow becomes an end of it."""
    try:
        return time if time == FOREVER else time + length
    except OverflowError:
        return FOREVER if length > timedelta(0) else BEGINNING_OF_TIME
