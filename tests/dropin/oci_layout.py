"""An image without a registry: one layer, a configuration and a manifest, as a tar of an OCI image layout."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_MEDIA_TYPE = "application/vnd.oci.image"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def rootfs_tar(rootfs: Path, path: Path) -> Path:
    """A tar of the root file system."""
    with tarfile.open(path, "w") as tar:
        tar.add(rootfs, ".")
    return path


def image_tar(layer: Path, name: str, path: Path) -> Path:
    """A tar that `ctr image import` and `podman load` read; the image's name is `name`."""
    with tarfile.open(path, "w") as tar:
        archive = _Archive(tar)
        content = layer.read_bytes()
        layer_descriptor = archive.blob(f"{_MEDIA_TYPE}.layer.v1.tar", content)
        config = {
            "architecture": _ARCHITECTURES[os.uname().machine],
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": ["sleep", "10000"]},
            "rootfs": {"type": "layers", "diff_ids": [layer_descriptor["digest"]]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA_TYPE}.manifest.v1+json",
            "config": archive.blob(f"{_MEDIA_TYPE}.config.v1+json", _json(config)),
            "layers": [layer_descriptor],
        }
        named = archive.blob(f"{_MEDIA_TYPE}.manifest.v1+json", _json(manifest))
        named["annotations"] = {"io.containerd.image.name": name}
        archive.file("index.json", _json({"schemaVersion": 2, "manifests": [named]}))
        archive.file("oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
    return path


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


class _Archive:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def file(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))

    def blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        """Store it by its digest; returns its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self.file(f"blobs/sha256/{digest}", content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}
