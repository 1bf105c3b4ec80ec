"""Whole-day arithmetic of beyond-use dates. The day of compounding is Day 1."""

from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rx_clinical.model.facts import CompoundRequest, Moment

_LONGEST_DAYS = Decimal(1_000_000)  # longer than any calendar


def last_day(first: date, days: Decimal | int) -> date:
    """Return the last of `days` days, the first one included; a part of a day counts as a day. Clamped to date.max."""
    whole = int(min(Decimal(days), _LONGEST_DAYS).to_integral_value(ROUND_CEILING))
    try:
        return first + timedelta(days=whole - 1)
    except OverflowError:
        return date.max


def days_until(first: date, last: date) -> int:
    """Return the number of days from first to last, both included; 0 if the first lies after the last."""
    return max(0, (last - first).days + 1)


def day_of(moment: Moment) -> date:
    """Return the local date of a moment; in an unknown zone, its date in UTC."""
    try:
        return moment.earliest.astimezone(ZoneInfo(moment.zone or "UTC")).date()
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError):
        return moment.earliest.date()


def beyond_use_date(request: CompoundRequest, max_days: int) -> date:
    """Return the beyond-use date of a request: the requested one, at most `max_days` from the day of compounding."""
    longest = last_day(day_of(request.occurred), max_days)
    return longest if request.requested_bud is None else min(request.requested_bud, longest)
