"""Events become the facts they state, findings the messages they mean; nothing is rounded, nothing is dropped."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from rx_contracts.wire import decimals, times


def test_a_clock_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="without zone"):
        times.timestamp(datetime(2026, 4, 14, 12))  # noqa: DTZ001  # that is the point


instants = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001  # the strategy wants naive bounds
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001  # as above
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(instants)
def test_an_instant_survives_the_wire_to_the_microsecond(time: datetime):
    stamp = times.timestamp(time)
    expected = Timestamp()
    expected.FromDatetime(time)
    assert stamp == expected
    assert times.instant(stamp) == time
    assert times.instant(stamp).utcoffset() == timedelta(0)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_survives_the_wire_exactly(value: Decimal):
    assert decimals.decimal(decimals.decimal_text(value)) == value
    assert "E" not in decimals.decimal_text(value)
