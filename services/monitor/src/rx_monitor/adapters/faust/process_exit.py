"""The end of the process when going on could skip an event."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from rx_runtime.errors import ExitCode, RxGuardError
from rx_runtime.telemetry.logs import get_logger, where

log = get_logger()


@contextmanager
def process_ends_on(kind: type[BaseException]) -> Iterator[None]:
    """End the process before an exception of that kind leaves this frame."""
    try:
        yield
    except kind as error:
        end_process(error)


def end_process(error: BaseException) -> NoReturn:
    """Log what failed and where, without the message of a foreign error (it may quote a record), and end at once."""
    known = error if isinstance(error, RxGuardError) else None
    log.error("crashed", reason=str(known) if known else None, **where(error))
    logging.shutdown()
    os._exit(known.exit_code if known else ExitCode.CRASHED)
