"""The development stack: real Apache Kafka and PostgreSQL from Python wheels, without Docker, Java or root.

``async with EmbeddedStack(data=..., jars=...) as stack:`` provides ``stack.kafka`` and ``stack.dsn("alerts")``.
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
