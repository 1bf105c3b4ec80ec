"""JSON logs on stderr, one object a line, without patient data.

Events are constant names; values are counts, codes, positions and ids of our own making. Never log input.
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
    # Our own records go through the root handler too; libraries stay at warning, where they name no payload.
    logging.getLogger("rxguard").setLevel(level.upper())


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at that time: a stream that was closed since would print the record's traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.stream = sys.stderr  # setStream would flush the old one, which may be closed
        super().emit(record)


def where(error: BaseException) -> dict[str, object]:
    """Type of an error and the places it came through, without its message, which may quote input."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _without_messages(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Say of an exception what `where` says, whoever logged it."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else sys.exc_info()[1] if info is True else info
    if isinstance(error, BaseException):
        event.update(where(error))
    return event


def get_logger() -> structlog.stdlib.BoundLogger:
    """The logger of RxGuard."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger("rxguard")
    return logger
