"""What can go wrong with the embedded servers.

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
    """The embedded stack cannot be used: what happened and where, then what to do next.

    ``code`` is stable; the texts are for people. Programs exit with 4 (dependency unavailable).
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
    """Root found no folder for PostgreSQL's programs that their user may enter."""

    code = "UNREACHABLE_HOME"


class JarDownloadError(EmbeddedError):
    """A jar of Kafka could not be fetched."""

    code = "JAR_DOWNLOAD"


class JarChecksumError(EmbeddedError):
    """A jar of Kafka is not the one that was pinned."""

    code = "JAR_CHECKSUM"


class BrokerStartError(EmbeddedError):
    """Kafka did not start."""

    code = "BROKER_START"


class DatabaseStartError(EmbeddedError):
    """PostgreSQL did not start."""

    code = "DATABASE_START"


class ServerDiedError(EmbeddedError):
    """A server ended while it was in use."""

    code = "SERVER_DIED"
