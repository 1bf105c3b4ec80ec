"""Entry point of Alembic. `rx_runtime.postgres.migrate` opens the connection."""

from rx_runtime.postgres import run_migrations_env

run_migrations_env()
