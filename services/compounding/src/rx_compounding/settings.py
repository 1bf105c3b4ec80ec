"""Settings of the service."""

from rx_runtime.settings import ServiceSettings


class CompoundingSettings(ServiceSettings):
    """Settings read from the environment; the README lists them."""
