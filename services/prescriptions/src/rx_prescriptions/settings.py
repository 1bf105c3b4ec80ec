"""Settings of the service."""

from rx_runtime.settings import StoreSettings


class PrescriptionsSettings(StoreSettings):
    """What the service reads from the environment: see the table in its README."""
