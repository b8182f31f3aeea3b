"""The state document of a container (runtime.md, "State"), with the keys and the order of `runc state`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def state_document(
    *,
    oci_version: str,
    container_id: str,
    pid: int,
    status: str,
    bundle: str,
    rootfs: str,
    created: str,
    annotations: dict[str, str],
    owner: str,
) -> dict[str, Any]:
    """The document; `annotations` is left out when there are none, as runc does."""
    document: dict[str, Any] = {
        "ociVersion": oci_version,
        "id": container_id,
        "pid": pid,
        "status": status,
        "bundle": bundle,
        "rootfs": rootfs,
        "created": created,
    }
    if annotations:
        document["annotations"] = annotations
    document["owner"] = owner
    return document
