"""PostgreSQL: a pool bound to one schema, its migrations, and errors of a lost server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from rx_runtime.errors import DependencyUnavailable

_UNREACHABLE = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, TimeoutError)
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
"""What asyncpg raises when the server is gone, stopping or restarting."""

_MIGRATION_LOCK = 72_436_813
"""Key of the advisory lock under which one process at a time migrates; any fixed number."""


async def open_pool(dsn: str, schema: str, *, size: int = 4) -> asyncpg.Pool:
    """Return a pool whose connections see only `schema`. Raises DependencyUnavailable DATABASE_UNREACHABLE."""
    try:
        return await asyncpg.create_pool(
            dsn, min_size=1, max_size=size, server_settings={"search_path": schema}, timeout=30, command_timeout=60
        )
    except _UNREACHABLE as error:
        raise _unreachable(dsn) from error


@asynccontextmanager
async def reachable(store: str) -> AsyncIterator[None]:
    """Raise DependencyUnavailable STORE_UNAVAILABLE if the server is lost within the block.

    `store` names it in the message, such as "the alert store".
    """
    try:
        yield
    except _LOST as error:
        raise DependencyUnavailable("STORE_UNAVAILABLE", f"{store} does not answer; retry later") from error


async def migrate(dsn: str, schema: str, scripts: Path) -> None:
    """Migrate `schema` to the newest version of the Alembic scripts in `scripts`; other processes wait.

    Creates the schema if it is missing and the role may create it.
    Raises DependencyUnavailable DATABASE_UNREACHABLE.
    """
    engine = create_async_engine(make_url(dsn).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, schema, scripts)
    except _UNREACHABLE as error:
        raise _unreachable(dsn) from error
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, schema: str, scripts: Path) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    exists = connection.execute(text("SELECT to_regnamespace(:name) IS NOT NULL"), {"name": f'"{schema}"'}).scalar()
    if not exists:
        connection.execute(text(f'CREATE SCHEMA "{schema}"'))
    connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    command.upgrade(config, "head")


def run_migrations_env() -> None:
    """Run the migrations on the connection that `migrate` opened: the body of every service's Alembic `env.py`."""
    from alembic import context  # noqa: PLC0415  # exists only while Alembic runs env.py

    attributes: dict[str, Any] = context.config.attributes
    context.configure(connection=attributes["connection"], version_table_schema=attributes["schema"])
    with context.begin_transaction():
        context.run_migrations()


def _unreachable(dsn: str) -> DependencyUnavailable:
    url = make_url(dsn)
    return DependencyUnavailable(
        "DATABASE_UNREACHABLE",
        f"no PostgreSQL answers at {url.host}:{url.port}; start it, or set RXGUARD_POSTGRES_DSN",
    )
