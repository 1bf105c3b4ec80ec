"""No container engine builds the images here: what their Dockerfiles rest on is checked instead."""

import asyncio
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import grpc
import pytest
from rx_runtime.grpc_server import GrpcServer
from rxguard.client.connect import SERVICES

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [*sorted((ROOT / "shared").iterdir()), *(ROOT / "services" / name for name in SERVICES), ROOT / "cli"]
PROJECTS = {
    tomllib.loads(path.read_text())["project"]["name"]: path
    for path in (folder / "pyproject.toml" for folder in FOLDERS)
}
UNBUILT = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")


def dependencies(member: str) -> list[str]:
    """What a member of the workspace declares that it needs."""
    return tomllib.loads(PROJECTS[member].read_text())["project"]["dependencies"]


def own_dependencies(member: str) -> set[str]:
    return {one for one in dependencies(member) if one in PROJECTS}


def closure(member: str) -> set[str]:
    """The member and every member that it needs, directly or through another."""
    return {member}.union(*(closure(one) for one in own_dependencies(member)))


def pins(lock: Path) -> dict[str, str]:
    """Each requirement of a lock file, by name: its version, marker and hashes."""
    lines = [line for line in lock.read_text().splitlines() if line and not line.lstrip().startswith("#")]
    requirements = " ".join(line.removesuffix("\\").strip() for line in lines)
    found = re.findall(r"([a-z0-9-]+)==(.*?)(?= [a-z0-9-]+==|$)", requirements)
    return {name: rest.strip() for name, rest in found}


def probe(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rx_runtime.probe", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("dockerfile", ["services/Dockerfile", "cli/Dockerfile"])
@pytest.mark.parametrize("service", SERVICES)
def test_what_an_image_copies_is_there_and_let_into_its_context(dockerfile: str, service: str):
    text = (ROOT / dockerfile).read_text().replace("${SERVICE}", service)
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    assert "shared" in copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert {name.partition("/")[0] for name in copied} <= set(allowed)
    assert re.findall(r"^USER (\d+):\d+$", text, re.MULTILINE) == ["10001"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_members_of_a_service_are_shared_code_without_the_embedded_stack(service: str):
    members = closure(f"rx-{service}")
    assert {"rx-clinical", "rx-contracts", "rx-runtime"} < members
    assert members - {f"rx-{service}"} <= {f"rx-{folder.name}" for folder in (ROOT / "shared").iterdir()}
    assert "rx-embedded" not in members


@pytest.mark.parametrize("member", PROJECTS)
def test_a_member_declares_every_member_that_it_imports(member: str):
    sources = (PROJECTS[member].parent / "src").rglob("*.py")
    imported = {
        name.replace("_", "-")
        for source in sources
        for name in re.findall(r"^\s*(?:from|import) (rx_[a-z]+)", source.read_text(), re.MULTILINE)
    }
    assert imported - {member} <= own_dependencies(member)


@pytest.mark.parametrize("service", SERVICES)
def test_the_lock_file_of_a_service_is_the_part_of_the_whole_one_that_it_needs(service: str):
    whole, part = pins(ROOT / "requirements.lock"), pins(ROOT / "services" / service / "requirements.lock")
    assert part.items() <= whole.items()
    needed = {
        re.split(r"[^a-z0-9-]", one, maxsplit=1)[0]
        for member in closure(f"rx-{service}")
        for one in dependencies(member)
    }
    assert {name for name in needed if not name.startswith("rx-")} | {"setuptools"} <= part.keys()
    embedded = {re.split(r"[^a-z0-9-]", one, maxsplit=1)[0] for one in dependencies("rx-embedded")}
    assert part.keys() & (embedded - needed) == set()


def test_an_installed_package_holds_every_file_of_its_sources(tmp_path: Path):
    sources = [shutil.copytree(folder, tmp_path / folder.name, ignore=UNBUILT) for folder in FOLDERS]
    wheels = tmp_path / "wheels"
    offline = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *offline, "-w", str(wheels), *map(str, sources)], check=True)
    packed = {name for wheel in wheels.glob("*.whl") for name in zipfile.ZipFile(wheel).namelist()}
    written = {
        path.relative_to(folder / "src").as_posix()
        for folder in FOLDERS
        for path in (folder / "src").rglob("*")
        if path.is_file() and not {"__pycache__"} & set(path.parts) and ".egg-info" not in str(path)
    }
    assert written - packed == set()


async def test_the_probe_says_whether_a_service_is_ready():
    server = GrpcServer("127.0.0.1:0")
    address = await server.start()
    try:
        await server.set_serving(False)
        assert await in_thread(address) == (1, f"{address} answers NOT_SERVING\n")
        await server.set_serving(True)
        assert await in_thread(address) == (0, "")
    finally:
        await server.stop(0)
    assert await in_thread(address) == (1, f"{address} answers {grpc.StatusCode.UNAVAILABLE.name}\n")


def test_a_probe_without_an_address_says_how_it_is_called():
    answered = probe()
    assert (answered.returncode, answered.stderr) == (2, "usage: python -m rx_runtime.probe HOST:PORT\n")


async def in_thread(address: str) -> tuple[int, str]:
    """The probe's exit code and words; in a thread, so that the server of this process can answer it."""
    answered = await asyncio.to_thread(probe, address)
    return answered.returncode, answered.stderr
