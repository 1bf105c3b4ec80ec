"""Write JSON logs to stderr, one object a line, without patient data.

Events are constant snake_case names. Fields are counts, codes, offsets and our own ids; never log input values.
"""

import logging
import sys
import traceback
from typing import TextIO

import structlog


def configure(service: str, level: str) -> None:
    """Send structlog and the standard library's log records to stderr as JSON, at `level` and above."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_messages,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    structlog.contextvars.bind_contextvars(service=service)
    # Our records use the root handler too. Libraries stay at warning, where they log no payload.
    logging.getLogger("rxguard").setLevel(level.upper())


class _Stderr(logging.StreamHandler[TextIO]):
    """Handler that writes to the current sys.stderr: writing to a stream closed since would print the traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.stream = sys.stderr  # setStream would flush the old one, which may be closed
        super().emit(record)


def where(error: BaseException) -> dict[str, object]:
    """Return the type of an error and its stack frames, without its message, which may quote input."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _without_messages(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Replace exception details by those of `where`, whichever logger recorded them."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else sys.exc_info()[1] if info is True else info
    if isinstance(error, BaseException):
        event.update(where(error))
    return event


def get_logger() -> structlog.stdlib.BoundLogger:
    """Return the logger of RxGuard."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger("rxguard")
    return logger
