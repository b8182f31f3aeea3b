"""The image of the pull benchmark: files of this machine's Debian packages, in six layers, as an OCI layout.

Made once and kept below `build/`: compressing 1.3 GiB takes longer than all that is measured.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

LAYERS = 6
_RAW_BYTES = 1_300 << 20
_ENTRIES = 35_000
_LISTS = Path("/var/lib/dpkg/info")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class BenchImage:
    """The image: its layout directory, and what is in it."""

    layout: Path
    compressed_bytes: int
    raw_bytes: int
    entries: int

    def line(self) -> str:
        """What it is, for the report."""
        return (
            f"the image: {LAYERS} layers, {self.entries} files, {self.compressed_bytes / (1 << 20):.0f} MiB gzip, "
            f"{self.raw_bytes / (1 << 20):.0f} MiB raw"
        )


def make_image(directory: Path) -> BenchImage:
    """The image below `directory`, which is made if it is not there."""
    facts = directory / "facts.json"
    if not facts.exists():
        shutil.rmtree(directory, ignore_errors=True)
        (directory / "blobs" / "sha256").mkdir(parents=True)
        facts.write_text(json.dumps(_make(directory)), encoding="utf-8")
    return BenchImage(directory, **json.loads(facts.read_text(encoding="utf-8")))


def _make(directory: Path) -> dict[str, int]:
    chosen = _choose()
    shares: list[list[Path]] = [[] for _ in range(LAYERS)]
    sizes = [0] * LAYERS
    for path, size in chosen:  # whole runs of neighbours, so that a layer looks like some packages' files
        at = min(sum(sizes) * LAYERS // _RAW_BYTES, LAYERS - 1)
        shares[at].append(path)
        sizes[at] += size
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        layers = list(pool.map(lambda share: _layer(directory, share), shares))
    config = _json_blob(
        directory,
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/true"]},
            "rootfs": {"type": "layers", "diff_ids": [one["diff_id"] for one in layers]},
        },
    )
    manifest = _json_blob(
        directory,
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    "digest": one["digest"],
                    "size": one["size"],
                }
                for one in layers
            ],
        },
    )
    manifest |= {"mediaType": "application/vnd.oci.image.manifest.v1+json"}
    manifest |= {"annotations": {"org.opencontainers.image.ref.name": "latest"}}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}), encoding="utf-8")
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    return {
        "compressed_bytes": sum(one["size"] for one in layers),
        "raw_bytes": sum(one["raw"] for one in layers),
        "entries": sum(map(len, shares)),
    }


def _choose() -> list[tuple[Path, int]]:
    """Files of packages until both sizes are reached; the largest are passed over where small ones are still wanted."""
    found: list[tuple[Path, int]] = []
    total = 0
    for path in _package_files():
        size = path.lstat().st_size
        left_entries, left_bytes = _ENTRIES - len(found), _RAW_BYTES - total
        if left_entries <= 0 or left_bytes <= 0:
            break
        if size > 64 * left_bytes / left_entries and size > left_bytes / 8:
            continue
        found.append((path, size))
        total += size
    return found


def _package_files() -> Iterator[Path]:
    seen: set[str] = set()
    for package in sorted(_LISTS.glob("*.list")):
        for line in package.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            path = Path(line)
            if line not in seen and (path.is_file() or path.is_symlink()) and path.parent.resolve() == path.parent:
                seen.add(line)
                yield path


class _Tee:
    """Hashes what is written to it, and hands it on to the compressor."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self.hash = hashlib.sha256()
        self.count = 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.count += len(data)
        self._target.write(data)
        return len(data)


def _layer(directory: Path, paths: list[Path]) -> dict[str, Any]:
    temporary = directory / f"layer-{os.urandom(4).hex()}"
    with temporary.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as compressed:
        tee = _Tee(compressed)
        with tarfile.open(
            mode="w|", fileobj=cast("IO[bytes]", tee), bufsize=_CHUNK, format=tarfile.PAX_FORMAT
        ) as archive:
            for path in paths:
                archive.add(path, str(path).lstrip("/"), recursive=False)
    with temporary.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    size = temporary.stat().st_size
    temporary.rename(directory / "blobs" / "sha256" / digest)
    return {"digest": f"sha256:{digest}", "size": size, "diff_id": f"sha256:{tee.hash.hexdigest()}", "raw": tee.count}


def _json_blob(directory: Path, value: Any) -> dict[str, Any]:
    data = json.dumps(value).encode("utf-8")
    digest = hashlib.sha256(data).hexdigest()
    (directory / "blobs" / "sha256" / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}
