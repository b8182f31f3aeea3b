"""What is in a plan's slots: an operation names them by number, a reader wants to know what was opened there."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.plan.builder import Step


class SlotNames:
    """The content of each slot, in words, as far as the steps that were noted have filled them."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def name(self, slot: int) -> str:
        """A path, or words such as `the new tmpfs`; `slot 7` for one that nothing was noted about."""
        return self._names.get(slot, f"slot {slot}")

    def path(self, base: int, path: str | None) -> str:
        """A path that an operation takes relative to a slot (-1: none)."""
        if base < 0:
            return path or ""
        name = self.name(base)
        if not path:
            return name
        return f"{name}/{path}" if name.startswith("/") else f"{path} in {name}"

    def note(self, step: Step) -> None:
        """Remember what a step puts into its slot. The steps must come in the order in which they run."""
        operation = step.operation
        if operation in ("claim", "open", "open_tree"):
            self._names[step.fd] = self.path(step.at, step.s0)
        elif operation == "new_mount":
            self._names[step.fd] = f"the new {step.s0}"
        elif operation in ("target", "move_mount", "connect"):
            self._names[step.fd] = step.s0 or ""
        elif operation == "listen":
            self._names[step.fd] = self.path(step.at, step.s0)
        elif operation in ("new_network", "await") and step.fd >= 0:
            self._names[step.fd] = "the new network namespace"
        elif operation == "pidfd_open":
            self._names[step.fd] = f"process {step.n0}"
