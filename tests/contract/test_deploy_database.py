"""The roles and schemas of a new database, made by the script that its image runs, on a real PostgreSQL."""

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from rx_alerts.bootstrap import MIGRATIONS
from rx_embedded.child import Children
from rx_embedded.postgres import ADMIN, INSTALL, SERVICES, Postgres, _package_folder
from rx_runtime.postgres import migrate
from rxguard.instance.embedded_instance import WITH_DATABASE

ROLES = Path(__file__).resolve().parents[2] / "deploy/postgres/roles.sql"
DATABASE = "rxguard"
PASSWORD = "made by openssl"  # noqa: S105  # of a server that lives for this test
PASSWORDS = {f"{service.upper()}_DB_PASSWORD": PASSWORD for service in WITH_DATABASE}


@pytest.fixture
async def server(stack_folder: Path) -> AsyncIterator[Postgres]:
    """A server as the image starts it: an owner, a database, and no roles of ours."""
    folder = stack_folder / "roles"
    folder.mkdir()
    children = Children(folder / "children.json")
    running = Postgres(
        folder / "postgres", programs=stack_folder / "programs", secret=lambda _: "pw", children=children
    )
    await running.start()
    try:
        async with connected(running.dsn(ADMIN)) as owner:
            await owner.execute(f"DROP ROLE {', '.join(SERVICES)}")
        yield running
    finally:
        await running.stop()


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


def run_script(server: Postgres, passwords: dict[str, str]) -> subprocess.CompletedProcess[str]:
    psql = _package_folder() / INSTALL / "bin" / "psql"
    options = ["-v", "ON_ERROR_STOP=1", "--no-password", "--no-psqlrc", "-f", str(ROLES), server.dsn(ADMIN)]
    clean = {name: value for name, value in os.environ.items() if name not in PASSWORDS}
    return subprocess.run([psql, *options], env=clean | passwords, capture_output=True, text=True, check=False)


def dsn(server: Postgres, role: str) -> str:
    return f"postgresql://{role}:{PASSWORD.replace(' ', '%20')}@{server.address}/{DATABASE}"


async def test_each_service_with_data_gets_a_role_that_sees_its_own_schema_alone(server: Postgres):
    refused = run_script(server, {})
    assert refused.returncode != 0
    async with connected(server.dsn(ADMIN)) as owner:
        assert await owner.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = ANY($1)", WITH_DATABASE) == 0

    ran = run_script(server, PASSWORDS)
    assert ran.returncode == 0, ran.stderr
    for service in WITH_DATABASE:
        async with connected(dsn(server, service)) as own:
            await own.execute(f"CREATE TABLE {service}.t ()")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await own.execute("CREATE TABLE public.t ()")
    async with connected(dsn(server, "alerts")) as own:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await own.execute("SELECT * FROM prescriptions.t")
    await migrate(dsn(server, "alerts"), "alerts", MIGRATIONS)
