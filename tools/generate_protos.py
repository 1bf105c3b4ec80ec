"""Regenerate the committed protobuf code from `protos/`.

`--check` writes nothing and exits 1 if the committed code differs: the drift check of the tests.
"""

import argparse
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
TARGET = ROOT / "shared" / "contracts" / "src" / "pharmacy"


def generate(into: Path) -> None:
    """Write the code of every proto below `into`, as package `pharmacy`. Raises RuntimeError if protoc fails."""
    sources = sorted(str(path) for path in PROTOS.rglob("*.proto"))
    include = str(resources.files("grpc_tools") / "_proto")
    outputs = [f"--{kind}_out={into}" for kind in ("python", "pyi", "grpc_python")]
    if protoc.main(["protoc", f"-I{PROTOS}", f"-I{include}", *outputs, *sources]):
        raise RuntimeError("protoc failed, its message stands above")
    package = into / "pharmacy"
    for grpc_module in package.rglob("*_pb2_grpc.py"):
        if "Servicer" not in grpc_module.read_text():
            grpc_module.unlink()  # protoc writes an empty module for a file without a service
    for folder in (package, *(path for path in package.rglob("*") if path.is_dir())):
        (folder / "__init__.py").touch()
    (package / "py.typed").touch()


def files(folder: Path) -> dict[str, bytes]:
    """Return generated files below `folder` by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def main() -> int:
    """Regenerate, or compare with `--check`; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = Path(scratch) / "pharmacy"
        if check:
            differing = sorted(dict(files(fresh).items() ^ files(TARGET).items()))
            print("\n".join(f"differs: {name}" for name in differing) or "generated code is current")
            return 1 if differing else 0
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(fresh, TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
