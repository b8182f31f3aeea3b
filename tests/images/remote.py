"""What a registry has, asked by skopeo: raw manifests, and what they say."""

from __future__ import annotations

import json
from typing import Any

from registry.images import skopeo


def raw_manifest(reference: str) -> str:
    """The manifest or index, byte for byte."""
    return skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}")


def manifest(reference: str) -> dict[str, Any]:
    """The same, read."""
    found: dict[str, Any] = json.loads(raw_manifest(reference))
    return found


def layer_digests(reference: str) -> list[str]:
    """Of an image, the lowest first."""
    return [one["digest"] for one in manifest(reference)["layers"]]
