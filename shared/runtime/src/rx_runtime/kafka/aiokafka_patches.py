"""Corrections of aiokafka, applied by `apply` and only to the version they were written for.

- `AIOKafkaConnection.send`: raise KafkaConnectionError on a closed uvloop transport (aio-libs/aiokafka#1038).
"""

import importlib.metadata
from functools import cache, wraps
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

from rx_runtime.telemetry.logs import get_logger

TESTED_VERSION = "0.14.0"
"""The aiokafka release that the patches were tested with; `requirements.lock` pins it."""

log = get_logger()


@cache
def apply() -> None:
    """Patch aiokafka in this process. Repeated calls do nothing.

    Logs `aiokafka_version_untested` if the installed version is not the tested one; the patches are applied all the
    same, because an unpatched client can stop fetching without an error.
    """
    installed = importlib.metadata.version("aiokafka")
    if installed != TESTED_VERSION:
        log.warning("aiokafka_version_untested", installed=installed, tested=TESTED_VERSION)
    AIOKafkaConnection.send = raise_when_closed(AIOKafkaConnection.send)


def raise_when_closed(send: Any) -> Any:  # noqa: ANN401  # aiokafka is untyped
    """Wrap `AIOKafkaConnection.send` so that a closed transport raises KafkaConnectionError.

    Between the end of a connection and the client's notice of it, uvloop raises RuntimeError where asyncio returns.
    aiokafka does not expect that error: its fetching task would end unreported and the consumer would wait forever.
    """

    @wraps(send)
    def guarded(connection: AIOKafkaConnection, *request: Any, **options: Any) -> Any:  # noqa: ANN401  # as above
        try:
            return send(connection, *request, **options)
        except RuntimeError as error:
            if "closed" not in str(error):
                raise
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"the connection to {connection.host}:{connection.port} is closed") from error

    return guarded
