"""Settings of the service."""

from rx_runtime.settings import StoreSettings


class PrescriptionsSettings(StoreSettings):
    """Settings from the environment. The README lists them."""
