"""Settings of the service."""

from pydantic import Field
from rx_runtime.settings import ServiceSettings


class InteractionsSettings(ServiceSettings):
    """What the service reads from the environment: see its README."""

    prescriptions_target: str = Field(description="host:port of the gRPC server of `prescriptions`")
    history_timeout_seconds: float = Field(default=2.0, gt=0, le=60, description="longest wait for a history")
