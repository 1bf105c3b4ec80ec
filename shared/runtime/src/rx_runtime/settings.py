"""Read the settings of a service from environment variables (`RXGUARD_*`) only."""

from pathlib import Path
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rx_runtime.errors import InvalidSettings
from rx_runtime.installation import Installation

SHIPPED_SITES = Path(__file__).with_name("sites.yaml")
_PSEUDONYM_KEY_BYTES = 32


class ServiceSettings(BaseSettings):
    """Settings of every service."""

    model_config = SettingsConfigDict(env_prefix="RXGUARD_", hide_input_in_errors=True, frozen=True)

    kafka: str = Field(description="Kafka bootstrap servers, host:port[,host:port]")
    namespace: str = Field(
        default="",
        pattern=r"^[a-z0-9]*$",
        description="prefix that separates installations on one broker and database",
    )
    member: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]*$",
        description="static member name in the consumer group, unique and the same after a restart; empty = none",
    )
    pseudonym_key: SecretStr = Field(description="64 hex digits: the key of the pseudonyms")
    grpc_address: str = Field(default="127.0.0.1:0", description="host:port of the gRPC server; port 0 = any free one")
    metrics_address: str = Field(
        default="127.0.0.1:0",
        description="host:port of the HTTP server: /livez, /readyz and /metrics; port 0 = any free one",
    )
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error"
    )
    sites_file: Path = Field(default=SHIPPED_SITES, description="the site registry")

    @field_validator("pseudonym_key")
    @classmethod
    def _key_is_hex(cls, value: SecretStr) -> SecretStr:
        if len(bytes.fromhex(value.get_secret_value())) != _PSEUDONYM_KEY_BYTES:
            raise ValueError(f"needs {2 * _PSEUDONYM_KEY_BYTES} hex digits")
        return value

    @property
    def pseudonym_key_bytes(self) -> bytes:
        """Return the key, 32 bytes."""
        return bytes.fromhex(self.pseudonym_key.get_secret_value())

    @property
    def installation(self) -> Installation:
        """Return the broker address and the naming of topics, groups and schemas."""
        return Installation(self.kafka, self.namespace)


class StoreSettings(ServiceSettings):
    """Settings of a service with a database."""

    postgres_dsn: SecretStr = Field(description="postgresql://role:password@host:port/database")


S = TypeVar("S", bound=BaseSettings)


def load(model: type[S]) -> S:
    """Load settings from the environment.

    Raises InvalidSettings SETTINGS_INVALID that names each missing or wrong variable, never its value.
    """
    try:
        return model()
    except ValidationError as error:
        problems = "; ".join(
            f"RXGUARD_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise InvalidSettings("SETTINGS_INVALID", problems) from None
