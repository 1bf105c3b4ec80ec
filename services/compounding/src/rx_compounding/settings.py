"""Settings of the service."""

from rx_runtime.settings import ServiceSettings


class CompoundingSettings(ServiceSettings):
    """What the service reads from the environment: see its README."""
