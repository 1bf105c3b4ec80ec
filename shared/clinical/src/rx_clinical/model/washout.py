"""Window arithmetic, exact: decimals in hours, lengths rounded up to whole minutes, instants as they are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

FOREVER = datetime.max.replace(tzinfo=UTC)  # stands for an end that is not recorded
BEGINNING_OF_TIME = datetime.min.replace(tzinfo=UTC)  # before everything
_LONGEST_DAYS = Decimal(1_000_000)  # longer than any calendar in use: what a source states beyond it has no end
_MICROSECONDS_A_DAY = 86_400_000_000
_PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLengths:
    """How long an antagonist must wait after the end of an opioid exposure."""

    label_interval_h: Decimal
    half_life_high_h: Decimal
    multiplier: Decimal
    half_lives: int
    hard: timedelta  # Wh = max(label interval, k half-lives), whole minutes
    policy: timedelta  # Wp = max(two weeks, Wh), whole minutes

    @property
    def by_half_lives(self) -> bool:
        """The half-lives, not the label interval, set the hard window."""
        return self.half_lives * self.half_life_high_h * self.multiplier > self.label_interval_h

    @property
    def by_floor(self) -> bool:
        """The two weeks, not the hard window, set the earliest start."""
        return self.policy > self.hard


@lru_cache(maxsize=4096)
def window_lengths(
    *, label_interval_h: Decimal, half_life_high_h: Decimal, multiplier: Decimal, half_lives: int, floor: timedelta
) -> WindowLengths:
    """The window of an opioid form at a half-life multiplier."""
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
    """Days of supply as elapsed time, one day = 24 h, exact to the microsecond."""
    return timedelta(microseconds=int(min(days, _LONGEST_DAYS) * _MICROSECONDS_A_DAY))


def hours(length: timedelta) -> Decimal:
    """Hours as a decimal without trailing zeros, at most six places."""
    exact = Decimal(length.days * _MICROSECONDS_A_DAY + length.seconds * 1_000_000 + length.microseconds)
    return plain((exact / 3_600_000_000).quantize(_PLACES))


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent."""
    short = value.normalize()
    return Decimal(f"{short:f}")


def later(time: datetime, length: timedelta) -> datetime:
    """`time` + `length`; what has no end stays without end, and nothing leaves the calendar."""
    try:
        return time if time == FOREVER else time + length
    except OverflowError:
        return FOREVER if length > timedelta(0) else BEGINNING_OF_TIME
