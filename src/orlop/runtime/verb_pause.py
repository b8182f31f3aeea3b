"""`orun pause`: freeze every process of a container."""

from __future__ import annotations

from orlop.errors import FailedPrecondition
from orlop.runtime.call import Answer
from orlop.runtime.command_line import Verb
from orlop.runtime.freezer import set_frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call

VERB = Verb("pause", "<container-id>", "freeze all processes of a container", (), minimum=1, maximum=1)


def run(call: Call) -> Answer:
    """Pause it; returns when all its processes are frozen.

    Raises:
        FailedPrecondition: it is neither running nor created.
    """
    change(call, frozen=True, allowed=("running", "created"))
    return Answer()


def change(call: Call, *, frozen: bool, allowed: tuple[str, ...]) -> None:
    """Freeze or thaw a container whose status is one of `allowed`."""
    container = call.state_root().find(call.arguments[0])
    status = container.status()
    if status not in allowed:
        raise FailedPrecondition(
            f'cannot {"pause" if frozen else "resume"} container "{container.container_id}": it is {status}',
            hint=f"it must be {' or '.join(allowed)}",
        )
    set_frozen(container.cgroup_paths, frozen=frozen)
