"""How long one layer takes to unpack: ours in each form, `umoci raw unpack`, and tar, in turns, on one file system.

    python bench/unpack.py [--rounds N] [--directory DIR] [--path PATH ...]

The layer is a gzip tar of directories of this machine. Each run gets a fresh directory, and what the run before it
wrote is on the disk by then; what a run itself leaves in the page cache is not waited for, with any of them. Ours is
started as a process of its own too, so that the imports count.

Nothing is deleted until the end: ext4 passes over inodes that were deleted in the last one to five minutes, one by
one, and making a file takes half a millisecond then instead of 20 us. (Trees that something else deletes count too.)
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machine import Load, description
from stopwatch import RunError, Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

_PATHS = ("/usr/lib/python3", "/usr/share")
_TIMEOUT_S = 900


def main() -> int:
    """Measure, and print a table; the exit status."""
    arguments = _arguments()
    if arguments.unpack:
        return _unpack_one(*arguments.unpack)
    with tempfile.TemporaryDirectory(prefix="unpack-bench-", dir=arguments.directory) as name:
        directory = Path(name)
        layer, raw_bytes, entries = _make_layer(directory, arguments.path or _PATHS)
        print(description())
        print(f"layer: {layer.stat().st_size >> 20} MiB gzip, {raw_bytes >> 20} MiB raw, {entries} entries")
        load = Load()
        try:
            times = _measure(directory, layer, arguments.rounds)
        except RunError as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
        _print(times, raw_bytes)
        print(load.line())
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="measure the unpacking of one layer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", help="where to unpack (default: the directory for temporary files)")
    parser.add_argument("--path", action="append", help="a directory to make the layer of; several may be given")
    parser.add_argument("--unpack", nargs=3, metavar=("FORM", "LAYER", "DIR"), help="unpack one layer, for ourselves")
    return parser.parse_args()


def _make_layer(directory: Path, paths: list[str] | tuple[str, ...]) -> tuple[Path, int, int]:
    """A layer of the machine's files, in an OCI layout named `image` as umoci reads it."""
    raw = directory / "layer.tar"
    names = [path.lstrip("/") for path in paths]
    subprocess.run(["tar", "--create", "--file", raw, "--directory", "/", "--", *names], check=True)
    listed = subprocess.run(["tar", "--list", "--file", raw], check=True, stdout=subprocess.PIPE)
    diff_id, raw_bytes = _digest(raw), raw.stat().st_size
    subprocess.run(["gzip", raw], check=True)
    blobs = directory / "image/blobs/sha256"
    blobs.mkdir(parents=True)
    packed = raw.with_name("layer.tar.gz")
    layer = blobs / _digest(packed)
    packed.rename(layer)
    vendor = "application/vnd.oci.image"
    config = _blob(
        blobs, {"architecture": "amd64", "os": "linux", "rootfs": _rootfs(diff_id)}, f"{vendor}.config.v1+json"
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{vendor}.manifest.v1+json",
        "config": config,
        "layers": [_descriptor(layer, f"{vendor}.layer.v1.tar+gzip")],
    }
    listed_manifest = _blob(blobs, manifest, f"{vendor}.manifest.v1+json")
    listed_manifest["annotations"] = {"org.opencontainers.image.ref.name": "bench"}
    _write_json(directory / "image/index.json", {"schemaVersion": 2, "manifests": [listed_manifest]})
    _write_json(directory / "image/oci-layout", {"imageLayoutVersion": "1.0.0"})
    return layer, raw_bytes, listed.stdout.count(b"\n")


def _rootfs(diff_id: str) -> dict[str, Any]:
    return {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _blob(blobs: Path, value: dict[str, Any], media_type: str) -> dict[str, Any]:
    path = blobs / hashlib.sha256(json.dumps(value).encode()).hexdigest()
    _write_json(path, value)
    return _descriptor(path, media_type)


def _descriptor(path: Path, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{path.name}", "size": path.stat().st_size}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _measure(directory: Path, layer: Path, rounds: int) -> dict[str, list[float]]:
    stopwatch = Stopwatch(directory / "said", _TIMEOUT_S)
    ours = [sys.executable, str(Path(__file__).absolute()), "--unpack"]
    commands: dict[str, Callable[[Path], list[str]]] = {
        "tar -xzf": lambda target: [_program("tar"), "-xzf", str(layer), "-C", str(target)],
        "umoci raw unpack": lambda target: [
            *[_program("umoci"), "raw", "unpack", "--image", f"{directory}/image:bench"],
            str(target / "rootfs"),
        ],
        "orlop overlay": lambda target: [*ours, "overlay", str(layer), str(target)],
        "orlop tar-index": lambda target: [*ours, "tar-index", str(layer), str(target)],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):  # the first is for what is cold then: the layer's pages, orun's filter
        for name, command in commands.items():
            target = directory / f"{name.replace(' ', '-')}-{number}"
            target.mkdir()
            os.sync()
            elapsed_ms = stopwatch.time(name, command(target), os.environ)
            if number:
                times[name].append(elapsed_ms / 1000)
    return times


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise RunError(f"{name} is not installed")
    return path


def _print(times: dict[str, list[float]], raw_bytes: int) -> None:
    reference = statistics.median(times["umoci raw unpack"])
    for name, values in times.items():
        median = statistics.median(values)
        shown = " ".join(f"{value:.2f}" for value in values)
        print(
            f"{name:17} median {median:6.2f} s  {raw_bytes / median / 1e6:5.0f} MB/s"
            f"  {median / reference:.2f} x umoci  ({shown})"
        )


def _unpack_one(form: str, layer: str, directory: str) -> int:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
    from orlop.archive.contract import UnpackJob
    from orlop.archive.unpack_process import Unpacker

    job = UnpackJob(form=form, directory=Path(directory), compression="gzip")
    state = Path("/run/orlop-bench-unpack")
    result = asyncio.run(Unpacker(state).unpack(job, os.open(layer, os.O_RDONLY)))
    print(f"{result.entries} entries, {result.peak_memory_bytes >> 20} MiB resident")
    return 0


if __name__ == "__main__":
    sys.exit(main())
