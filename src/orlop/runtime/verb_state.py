"""`orun state`: the state document of a container (runtime.md, "State"), as runc prints it."""

from __future__ import annotations

from orlop.oci.json_codec import encode
from orlop.oci.state import state_document
from orlop.runtime.call import Answer
from orlop.runtime.command_line import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.runtime.call import Call
    from orlop.runtime.state_directory import Container

VERB = Verb("state", "<container-id>", "show the state of a container", (), minimum=1, maximum=1)


def run(call: Call) -> Answer:
    """The state as indented JSON."""
    container = call.state_root().find(call.arguments[0])
    return Answer(encode(describe(container), indent=2))


def describe(container: Container, owner: str = "") -> dict[str, Any]:
    """The state document of a container, with its status as of now."""
    record = container.record
    status = container.status()
    return state_document(
        oci_version=record.get("ociVersion", ""),
        container_id=container.container_id,
        pid=0 if status == "stopped" else container.pid,
        status=status,
        bundle=record.get("bundle", ""),
        rootfs=record.get("rootfs", ""),
        created=record.get("created", ""),
        annotations=record.get("annotations") or {},
        owner=owner,
    )
