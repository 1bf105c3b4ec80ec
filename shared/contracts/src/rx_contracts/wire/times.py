"""Convert between protobuf timestamps, datetimes and RFC 3339 text. Imports nothing of the clinical core.

Instants travel as aware UTC datetimes, exact to the microsecond.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(stamp: Timestamp) -> datetime:
    """Return the aware UTC datetime of a timestamp, truncated to the microsecond.

    Raises OverflowError if the year is outside 1 to 9999.
    """
    return UNIX_EPOCH + timedelta(0, stamp.seconds, stamp.nanos // 1000)


def timestamp(time: datetime) -> Timestamp:
    """Return the timestamp of an aware datetime, exact to the microsecond. Raises ValueError for a naive one."""
    if time.tzinfo is None:
        raise ValueError("a time without zone has no instant")
    since = time - UNIX_EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)


def rfc3339(time: datetime) -> str:
    """Format an aware datetime as RFC 3339 in UTC with Z; fractions of a second only where there are some."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def optional_timestamp(time: datetime | None) -> Timestamp | None:
    """Return the timestamp of a time, None for None: a message field that stays unset."""
    return None if time is None else timestamp(time)


def optional_instant(message: Any, field: str) -> datetime | None:  # noqa: ANN401  # any message with such a field
    """Return the instant in a Timestamp field of a message, None if the field is not set."""
    return instant(getattr(message, field)) if message.HasField(field) else None


def optional_rfc3339(message: Any, field: str) -> str | None:  # noqa: ANN401  # any message with such a field
    """Format the Timestamp field of a message as RFC 3339, None if the field is not set."""
    return rfc3339(instant(getattr(message, field))) if message.HasField(field) else None
