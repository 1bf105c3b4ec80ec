"""Every error that a person or a program meets, one tree.

RxGuardError            code, message, exit code, gRPC status
├── InvalidInput        the caller can mend it          exit 3   INVALID_ARGUMENT
├── NotFound            there is no such thing          exit 3   NOT_FOUND
├── InvalidSettings     the operator can mend it        exit 2   INTERNAL
├── DependencyUnavailable  retry later                  exit 4   UNAVAILABLE
└── RefusedToRun        going on would lose or invent   exit 5   FAILED_PRECONDITION

Anything else that escapes is a defect: exit 70.
"""

from enum import IntEnum
from typing import ClassVar

import grpc


class ExitCode(IntEnum):
    """Why a process of RxGuard ended."""

    STOPPED = 0
    SETTINGS = 2
    INPUT = 3
    DEPENDENCY = 4
    REFUSED = 5
    CRASHED = 70
    INTERRUPTED = 130


class RxGuardError(Exception):
    """An error with a stable UPPER_SNAKE `code`.

    The message says what, where and what to do next, and holds no patient data.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.CRASHED
    grpc_code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class InvalidInput(RxGuardError):  # noqa: N818  # named for what happened, as the whole tree
    """What was sent cannot be taken as it is."""

    exit_code = ExitCode.INPUT
    grpc_code = grpc.StatusCode.INVALID_ARGUMENT


class NotFound(RxGuardError):  # noqa: N818  # as above
    """What was asked for does not exist."""

    exit_code = ExitCode.INPUT
    grpc_code = grpc.StatusCode.NOT_FOUND


class InvalidSettings(RxGuardError):  # noqa: N818  # as above
    """The process cannot start with these settings."""

    exit_code = ExitCode.SETTINGS


class DependencyUnavailable(RxGuardError):  # noqa: N818  # as above
    """A server that is needed does not answer."""

    exit_code = ExitCode.DEPENDENCY
    grpc_code = grpc.StatusCode.UNAVAILABLE


class RefusedToRun(RxGuardError):  # noqa: N818  # as above
    """The state found does not fit: running on would lose or invent something."""

    exit_code = ExitCode.REFUSED
    grpc_code = grpc.StatusCode.FAILED_PRECONDITION
