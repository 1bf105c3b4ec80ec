"""Real Apache Kafka and real PostgreSQL from Python wheels alone: no Docker, no Java, no root needed.

``async with EmbeddedStack(data=..., jars=...) as stack:`` gives ``stack.kafka`` and ``stack.dsn("alerts")``.
"""

from rx_embedded.errors import EmbeddedError, EmbeddedLockedError
from rx_embedded.home import DataFolder, rxguard_home
from rx_embedded.jars import Progress
from rx_embedded.postgres import SERVICES, provision
from rx_embedded.stack import EmbeddedStack

__all__ = [
    "SERVICES",
    "DataFolder",
    "EmbeddedError",
    "EmbeddedLockedError",
    "EmbeddedStack",
    "Progress",
    "provision",
    "rxguard_home",
]
