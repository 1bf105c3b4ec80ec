"""Settings of the monitor."""

from rx_runtime.settings import ServiceSettings


class MonitorSettings(ServiceSettings):
    """What every service needs is all that the monitor needs."""

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
