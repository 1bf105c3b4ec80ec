"""Settings of the monitor, and the names of what it reads and writes."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field
from rx_runtime.settings import ServiceSettings

_MAX_RECORD_BYTES = 900 * 1024
_TOPIC_MAX_BYTES = 8_000_000  # what the topics take, less the frame of a record


class _Names:
    """What the monitor reads and writes, as one installation names it."""

    @abstractmethod
    def topic(self, name: str) -> str:
        """Name of a registry topic within the installation."""

    @abstractmethod
    def group(self, name: str) -> str:
        """Name of a consumer group within the installation."""

    @property
    def events_topic(self) -> str:
        """The event log."""
        return self.topic("rx.medication-events.v1")

    @property
    def state_topic(self) -> str:
        """The changelog of the state."""
        return self.topic("rx.monitor-state.v1")

    @property
    def findings_topic(self) -> str:
        """Where finding sets go."""
        return self.topic("rx.findings.v1")

    @property
    def progress_topic(self) -> str:
        """Where the monitor tells how far it has come."""
        return self.topic("rx.monitor-progress.v1")

    @property
    def consumer_group(self) -> str:
        """The group that shares the partitions of the event log."""
        return self.group("rx-monitor")


class MonitorSettings(ServiceSettings, _Names):
    """What the monitor needs beyond every service."""

    max_record_bytes: int = Field(
        default=_MAX_RECORD_BYTES,
        ge=1024,
        le=_TOPIC_MAX_BYTES,
        description="largest state or finding set of one patient; a partition with a larger one stands still",
    )


@dataclass(frozen=True)
class Places(_Names):
    """The broker and the names of an installation, for whoever has no settings of a service."""

    kafka: str
    namespace: str
    topic_named: Callable[[str], str]
    group_named: Callable[[str], str]

    def topic(self, name: str) -> str:
        """Name of a registry topic within the installation."""
        return self.topic_named(name)

    def group(self, name: str) -> str:
        """Name of a consumer group within the installation."""
        return self.group_named(name)
