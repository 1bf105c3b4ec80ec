"""No container engine builds the images here: what their Dockerfiles rest on is checked instead."""

import asyncio
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import grpc
import pytest
from rx_runtime.grpc_server import GrpcServer
from rxguard.client.connect import SERVICES

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [*sorted((ROOT / "shared").iterdir()), *(ROOT / "services" / name for name in SERVICES), ROOT / "cli"]
UNBUILT = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")


def probe(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rx_runtime.probe", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_images_of_the_services_differ_in_the_service_alone():
    texts = {
        re.sub(rf"\b(rx_)?{name}\b", r"\1SERVICE", (ROOT / f"services/{name}/Dockerfile").read_text())
        for name in SERVICES
    }
    assert len(texts) == 1


@pytest.mark.parametrize("dockerfile", [*(f"services/{name}/Dockerfile" for name in SERVICES), "cli/Dockerfile"])
def test_what_an_image_copies_is_there_and_let_into_its_context(dockerfile: str):
    text = (ROOT / dockerfile).read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    assert {"requirements.lock", "shared"} < set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert {name.partition("/")[0] for name in copied} <= set(allowed)
    assert re.findall(r"^USER (\d+):\d+$", text, re.MULTILINE) == ["10001"]


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
