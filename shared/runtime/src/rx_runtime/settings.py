"""Settings of a service, from the environment alone (`RXGUARD_*`)."""

from pathlib import Path
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rx_runtime.errors import InvalidSettings
from rx_runtime.installation import Installation

SHIPPED_SITES = Path(__file__).with_name("sites.yaml")
_PSEUDONYM_KEY_BYTES = 32


class ServiceSettings(BaseSettings):
    """What every service needs."""

    model_config = SettingsConfigDict(env_prefix="RXGUARD_", hide_input_in_errors=True, frozen=True)

    kafka: str = Field(description="Kafka bootstrap servers, host:port[,host:port]")
    namespace: str = Field(
        default="", pattern=r"^[a-z0-9]*$", description="keeps several installations apart on one broker and database"
    )
    member: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]*$",
        description="name of this process in its consumer group, unique and kept over restarts; empty = none",
    )
    pseudonym_key: SecretStr = Field(description="64 hex digits: the key that pseudonyms are computed with")
    grpc_address: str = Field(default="127.0.0.1:0", description="host:port of the gRPC server, port 0 = any free one")
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
        """The key, 32 bytes."""
        return bytes.fromhex(self.pseudonym_key.get_secret_value())

    @property
    def installation(self) -> Installation:
        """The broker, and the names of what is on it."""
        return Installation(self.kafka, self.namespace)


class StoreSettings(ServiceSettings):
    """What a service with a database needs on top."""

    postgres_dsn: SecretStr = Field(description="postgresql://role:password@host:port/database")


S = TypeVar("S", bound=BaseSettings)


def load(model: type[S]) -> S:
    """Settings from the environment.

    Raises InvalidSettings SETTINGS_INVALID naming each variable that is missing or wrong, never its value.
    """
    try:
        return model()
    except ValidationError as error:
        problems = "; ".join(
            f"RXGUARD_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise InvalidSettings("SETTINGS_INVALID", problems) from None
