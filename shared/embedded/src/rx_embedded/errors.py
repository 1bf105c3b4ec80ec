"""Errors of the embedded servers, one tree.

EmbeddedError
├── EmbeddedLockedError     EMBEDDED_LOCKED
├── UnreachableHomeError    UNREACHABLE_HOME
├── JarDownloadError        JAR_DOWNLOAD
├── JarChecksumError        JAR_CHECKSUM
├── BrokerStartError        BROKER_START
├── DatabaseStartError      DATABASE_START
└── ServerDiedError         SERVER_DIED
"""

from typing import ClassVar


class EmbeddedError(Exception):
    """The embedded stack cannot be used. Says what happened and where (`what`), then what to do next (`fix`).

    ``code`` is stable, the texts are not. Programs exit with 4 (dependency unavailable).
    """

    code: ClassVar[str] = "EMBEDDED"

    def __init__(self, what: str, *, fix: str) -> None:
        super().__init__(f"{self.code}: {what}\n{fix}")
        self.what = what
        self.fix = fix


class EmbeddedLockedError(EmbeddedError):
    """Another instance uses the data folder."""

    code = "EMBEDDED_LOCKED"


class UnreachableHomeError(EmbeddedError):
    """No folder for PostgreSQL's programs is accessible to the user that root runs it as."""

    code = "UNREACHABLE_HOME"


class JarDownloadError(EmbeddedError):
    """A Kafka jar could not be downloaded."""

    code = "JAR_DOWNLOAD"


class JarChecksumError(EmbeddedError):
    """A downloaded Kafka jar does not have the pinned SHA-256."""

    code = "JAR_CHECKSUM"


class BrokerStartError(EmbeddedError):
    """Kafka did not start."""

    code = "BROKER_START"


class DatabaseStartError(EmbeddedError):
    """PostgreSQL did not start."""

    code = "DATABASE_START"


class ServerDiedError(EmbeddedError):
    """A server exited while it was in use."""

    code = "SERVER_DIED"
