"""Ends the process where continuing could skip an event (fail-stop)."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from rx_runtime.errors import ExitCode, RxGuardError
from rx_runtime.telemetry.logs import get_logger, where

log = get_logger()


@contextmanager
def exit_on(kind: type[BaseException]) -> Iterator[None]:
    """End the process before an exception of `kind` leaves the block."""
    try:
        yield
    except kind as error:
        exit_process(error)


def exit_process(error: BaseException) -> NoReturn:
    """Log the error and its place, then end the process at once, without cleanup.

    Omits the message of a foreign error, which may quote a record. Exit code: that of an RxGuardError, else 70.
    """
    known = error if isinstance(error, RxGuardError) else None
    log.error("crashed", reason=str(known) if known else None, **where(error))
    logging.shutdown()
    os._exit(known.exit_code if known else ExitCode.CRASHED)
