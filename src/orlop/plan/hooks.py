"""Hooks (config.md, "POSIX-platform Hooks"): programs of the user at six moments of a container's life.

Every hook gets the container's state on stdin. The compiler writes the JSON with a template byte in place of the pid,
which only the executor knows.
"""

from __future__ import annotations

from errno import EACCES, ENOENT, ENOEXEC

from orlop.oci.json_codec import encode
from orlop.plan.builder import counts, strings_blob
from orlop.plan.operations import BEST_EFFORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.builder import Section

_PID = "\x01"
_MILLISECONDS = 1000


def hook_state(oci_version: str, container_id: str, status: str, bundle: str, annotations: dict[str, str]) -> str:
    """The state document of a hook (runtime.md, "State"), with the template byte for the pid unless it is stopped."""
    head = {"ociVersion": oci_version, "id": container_id, "status": status}
    tail: dict[str, Any] = {"bundle": bundle}
    if annotations:
        tail["annotations"] = annotations
    pid = "" if status == "stopped" else f'"pid":{_PID},'
    return f"{encode(head)[:-1]},{pid}{encode(tail)[1:]}"


def run_hooks(section: Section, hooks: dict[str, Any], kind: str, state: str, *, best_effort: bool = False) -> None:
    """All hooks of one kind, in their order. A failure ends the plan, or with `best_effort` becomes a warning."""
    for index, hook in enumerate(hooks.get(kind) or ()):
        path = hook["path"]
        section.about(
            f"hooks.{kind}[{index}]",
            {
                ENOENT: "the hook does not exist",
                EACCES: "the hook is not executable",
                ENOEXEC: "the hook is no program; a script needs a #! line",
            },
        )
        arguments, environment = hook.get("args") or [path], hook.get("env") or []
        section.add(
            "hook",
            s0=path,
            s1=state,
            blob=strings_blob(arguments, environment),
            n0=counts(arguments, environment),
            n1=(hook.get("timeout") or 0) * _MILLISECONDS,
            flags=BEST_EFFORT if best_effort else 0,
        )


def has_hooks(hooks: dict[str, Any], *kinds: str) -> bool:
    """Whether any hook of these kinds is configured."""
    return any(hooks.get(kind) for kind in kinds)
