"""PostgreSQL: a pool bound to one schema, and its migrations."""

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
_MIGRATION_LOCK = 72_436_813
"""Any fixed number: the advisory lock under which one process at a time migrates."""


async def open_pool(dsn: str, schema: str, *, size: int = 4) -> asyncpg.Pool:
    """A pool whose connections see `schema` alone; raises DependencyUnavailable DATABASE_UNREACHABLE."""
    try:
        return await asyncpg.create_pool(
            dsn, min_size=1, max_size=size, server_settings={"search_path": schema}, timeout=30, command_timeout=60
        )
    except _UNREACHABLE as error:
        raise _unreachable(dsn) from error


async def migrate(dsn: str, schema: str, scripts: Path) -> None:
    """Bring `schema` to the newest version of the Alembic scripts in `scripts`; one process at a time.

    The schema itself is created where the role may do so, else it must exist.
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
    """The body of every service's Alembic `env.py`: use the connection that `migrate` opened."""
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
