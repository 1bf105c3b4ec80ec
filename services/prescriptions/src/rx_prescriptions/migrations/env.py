"""Alembic's entry: `rx_runtime.postgres.migrate` has opened the connection."""

from rx_runtime.postgres import run_migrations_env

run_migrations_env()
