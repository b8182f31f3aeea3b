"""Real images: made by umoci, put into registries by skopeo."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .docker_registry import DockerRegistry

_DEADLINE_S = 120


def make_layout(directory: Path, *, layer_bytes: int = 3 << 20) -> Path:
    """An OCI layout with one image `latest` of two layers, by umoci."""
    layout, rootfs = directory / "layout", directory / "files"
    rootfs.mkdir(parents=True)
    (rootfs / "small").write_text("a file\n")
    noise = bytes(range(256)) * 16
    with (rootfs / "large").open("wb") as large:
        for number in range(layer_bytes // len(noise)):
            large.write(bytes(byte ^ (number * 131 >> shift & 255) for shift, byte in enumerate(noise[:64])) * 64)
    _run("umoci", "init", "--layout", layout)
    _run("umoci", "new", "--image", f"{layout}:latest")
    for path in ("/small", "/large"):
        _run("umoci", "insert", "--image", f"{layout}:latest", rootfs / path.strip("/"), path)
    return layout


def skopeo(*words: str | Path) -> str:
    """`skopeo WORDS` without any policy; returns its stdout."""
    return _run("skopeo", "--insecure-policy", *words)


def push_layout(layout: Path, registry: DockerRegistry, name: str, *options: str | Path) -> None:
    """The layout's image into a registry, by skopeo."""
    skopeo("copy", *options, f"oci:{layout}:latest", f"docker://{registry.domain}/{name}")


def blobs_of(layout: Path) -> dict[str, bytes]:
    """All blobs of a layout by digest."""
    blobs = layout / "blobs/sha256"
    return {f"sha256:{path.name}": path.read_bytes() for path in blobs.iterdir()}


def manifest_of(layout: Path) -> tuple[str, bytes]:
    """Digest and bytes of the layout's only manifest."""
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    return entry["digest"], blobs_of(layout)[entry["digest"]]


def _run(*command: str | Path) -> str:
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_DEADLINE_S)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout
