"""Obtain the pinned jars of Kafka: download once, verify before every use."""

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rx_embedded.errors import JarChecksumError, JarDownloadError
from rx_embedded.home import shared_folder

LOCK = Path(__file__).with_name("kafka-jars.lock")
DOWNLOADS_AT_ONCE = 4
DOWNLOAD_TRIES = 3
DOWNLOAD_TIMEOUT_S = 60
RETRY_PAUSE_S = 1.0

Progress = Callable[[int, int, str, int], None]
"""Called as each jar arrives: number fetched, number to fetch, file name, size in bytes."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned file of a Maven repository."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Return its name in the flat folder of Kafka's class path."""
        return f"{self.artifact}-{self.version}.jar"


Fetch = Callable[[Jar, Path], Path]
"""Download a jar to a place below a folder and return the path."""


def pinned_jars() -> tuple[Jar, ...]:
    """Return the committed list, in class path order."""
    jars = []
    for line in LOCK.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinates, _, digest = line.partition(" sha256:")
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, digest))
    return tuple(jars)


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_with_jgo(jar: Jar, folder: Path) -> Path:
    """Download by coordinates, without dependency resolution. The caller must verify: jgo enforces no checksum."""
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415  # the import takes 0.2 s and only a download needs it

    context = MavenContext(repo_cache=folder, resolver=PythonResolver(), timeout=DOWNLOAD_TIMEOUT_S)
    return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())


async def obtain_jars(
    folder: Path,
    progress: Progress | None = None,
    *,
    jars: tuple[Jar, ...] | None = None,
    fetch: Fetch = fetch_with_jgo,
) -> list[Path]:
    """Return the verified paths of all pinned jars; download missing or damaged ones. Offline once all are present.

    Raises JarDownloadError if a download fails, JarChecksumError if the content is wrong twice.
    """
    wanted = pinned_jars() if jars is None else jars
    shared_folder(folder)
    missing = await asyncio.to_thread(_missing, wanted, folder)
    slots = asyncio.Semaphore(DOWNLOADS_AT_ONCE)
    arrived = 0

    async def obtain(jar: Jar) -> None:
        nonlocal arrived
        async with slots:
            size = await asyncio.to_thread(_obtain, jar, folder, fetch)
        arrived += 1
        if progress:
            progress(arrived, len(missing), jar.file_name, size)

    downloads = [asyncio.create_task(obtain(jar)) for jar in missing]
    try:
        await asyncio.gather(*downloads)
    finally:
        for download in downloads:
            download.cancel()
        await asyncio.gather(*downloads, return_exceptions=True)
    return [folder / jar.file_name for jar in wanted]


def _missing(jars: tuple[Jar, ...], folder: Path) -> list[Jar]:
    return [jar for jar in jars if not _is_good(jar, folder / jar.file_name)]


def _is_good(jar: Jar, path: Path) -> bool:
    return path.exists() and sha256_of(path) == jar.sha256


def _obtain(jar: Jar, folder: Path, fetch: Fetch) -> int:
    """Download and verify a jar, move it into the folder atomically, return its size in bytes. Tries twice."""
    for _ in range(2):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".incoming-") as incoming:
            path = _fetch_with_retry(jar, Path(incoming), fetch)
            if _is_good(jar, path):
                size = path.stat().st_size
                path.replace(folder / jar.file_name)
                return size
    raise JarChecksumError(
        f"{jar.file_name} arrived twice with another content than the pinned SHA-256 {jar.sha256}; nothing was kept",
        fix="Something between here and the Maven repository changes files (a proxy, a mirror). Fetch it from "
        f"elsewhere, put it into {folder} and start again: it is used if its SHA-256 is the pinned one.",
    )


def _fetch_with_retry(jar: Jar, incoming: Path, fetch: Fetch) -> Path:
    for tries_left in reversed(range(DOWNLOAD_TRIES)):
        try:
            return fetch(jar, incoming)
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            if not tries_left:
                raise JarDownloadError(
                    f"{jar.group}:{jar.artifact}:{jar.version} could not be fetched: {error}",
                    fix="The first start needs the network (45 MB, Maven Central); later starts do not. "
                    "What has arrived is kept: start again, or copy the jars of another machine to "
                    f"{incoming.parent}.",
                ) from error
            for partial in incoming.rglob(jar.file_name):
                partial.unlink()
            time.sleep(RETRY_PAUSE_S)
    raise AssertionError("unreachable: the last try returns or raises")
