"""Settings of the monitor, and the registry names of what it reads and writes."""

from pydantic import Field
from rx_runtime.settings import ServiceSettings

EVENTS_TOPIC = "rx.medication-events.v1"
STATE_TOPIC = "rx.monitor-state.v1"
FINDINGS_TOPIC = "rx.findings.v1"
PROGRESS_TOPIC = "rx.monitor-progress.v1"
CONSUMER_GROUP = "rx-monitor"
"""Names without the prefix of an installation; `Installation` adds it."""

_MAX_RECORD_BYTES = 900 * 1024
_TOPIC_MAX_BYTES = 8_000_000  # `max.message.bytes` of the topics, less the frame of a record


class MonitorSettings(ServiceSettings):
    """Settings of the monitor beyond those of every service."""

    max_record_bytes: int = Field(
        default=_MAX_RECORD_BYTES,
        ge=1024,
        le=_TOPIC_MAX_BYTES,
        description="largest state or finding set of one patient; a partition with a larger one stops",
    )
