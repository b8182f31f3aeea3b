"""The state document, byte for byte as `runc state` prints it."""

from __future__ import annotations

from orlop.oci.json_codec import encode
from orlop.oci.state import state_document


def _document(annotations: dict[str, str]) -> str:
    document = state_document(
        oci_version="1.2.1",
        container_id="web",
        pid=42,
        status="running",
        bundle="/b",
        rootfs="/b/rootfs",
        created="2026-01-02T03:04:05.678901234Z",
        annotations=annotations,
        owner="",
    )
    return encode(document, indent=2)


def test_keys_and_their_order_are_those_of_runc() -> None:
    assert _document({"a": "b"}) == (
        "{\n"
        '  "ociVersion": "1.2.1",\n'
        '  "id": "web",\n'
        '  "pid": 42,\n'
        '  "status": "running",\n'
        '  "bundle": "/b",\n'
        '  "rootfs": "/b/rootfs",\n'
        '  "created": "2026-01-02T03:04:05.678901234Z",\n'
        '  "annotations": {\n'
        '    "a": "b"\n'
        "  },\n"
        '  "owner": ""\n'
        "}"
    )


def test_without_annotations_there_is_no_key_for_them() -> None:
    assert "annotations" not in _document({})
