"""Settings of the service."""

from pydantic import Field
from rx_runtime.settings import ServiceSettings


class InteractionsSettings(ServiceSettings):
    """Settings read from the environment; the README lists them."""

    prescriptions_target: str = Field(description="host:port of the gRPC server of `prescriptions`")
    history_timeout_seconds: float = Field(default=2.0, gt=0, le=60, description="longest wait for a history")
