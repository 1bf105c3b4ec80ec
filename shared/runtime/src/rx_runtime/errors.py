"""Every error that a person or a program receives, one tree.

RxGuardError            stable code, message, exit code
├── InvalidInput        the caller can correct it             exit 3
├── NotFound            the requested thing does not exist    exit 3
├── InvalidSettings     the operator can correct it           exit 2
├── DependencyUnavailable  retry later                        exit 4
└── RefusedToRun        continuing would lose or invent data  exit 5

Any other exception that escapes is a defect: exit 70. `grpc_server.STATUS` and `http_server.STATUS` map each class to
the status of its transport; this module knows no transport.
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Say why a process of RxGuard ended."""

    STOPPED = 0
    SETTINGS = 2
    INPUT = 3
    DEPENDENCY = 4
    REFUSED = 5
    CRASHED = 70
    INTERRUPTED = 130


class RxGuardError(Exception):
    """Report an error with a stable UPPER_SNAKE `code`.

    `message` says what happened, where, and what to do next; it holds no patient data.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.CRASHED

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class InvalidInput(RxGuardError):  # noqa: N818  # named for what happened, as the whole tree
    """Refuse input that cannot be processed as sent."""

    exit_code = ExitCode.INPUT


class NotFound(RxGuardError):  # noqa: N818  # as above
    """Report that the requested thing does not exist."""

    exit_code = ExitCode.INPUT


class InvalidSettings(RxGuardError):  # noqa: N818  # as above
    """Refuse to start with these settings."""

    exit_code = ExitCode.SETTINGS


class DependencyUnavailable(RxGuardError):  # noqa: N818  # as above
    """Report that a required server does not answer."""

    exit_code = ExitCode.DEPENDENCY


class RefusedToRun(RxGuardError):  # noqa: N818  # as above
    """Refuse to continue: the state found does not match, and continuing would lose or invent data."""

    exit_code = ExitCode.REFUSED
