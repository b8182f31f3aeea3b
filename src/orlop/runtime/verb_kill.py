"""`orun kill`: send a signal to a container's init, or to all its processes."""

from __future__ import annotations

from orlop.linux.signals import parse_signal
from orlop.runtime.call import Answer
from orlop.runtime.command_line import BOOL, Flag, Verb
from orlop.runtime.termination import SIGKILL, signal_all, signal_init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call

VERB = Verb(
    "kill",
    "<container-id> [signal]",
    "send a signal (default: SIGTERM) to a container's init",
    (Flag("all a", BOOL, "send it to every process of the container"),),
    minimum=1,
    maximum=2,
)


def run(call: Call) -> Answer:
    """Send it. A container that has stopped is an error, unless --all is given (as runc does it)."""
    container = call.state_root().find(call.arguments[0])
    signal = parse_signal(call.arguments[1] if len(call.arguments) > 1 else "SIGTERM")
    if call.options.flag("all"):
        signal_all(container, signal)
        return Answer()
    signal_init(container, signal)
    if signal == SIGKILL:
        _thaw(container.cgroup_paths)
    return Answer()


def _thaw(cgroup_paths: dict[str, str]) -> None:
    """A frozen process of cgroup v1 dies of SIGKILL only once it is thawed."""
    from orlop.runtime.freezer import is_frozen, set_frozen

    if "freezer" in cgroup_paths and is_frozen(cgroup_paths):
        set_frozen(cgroup_paths, frozen=False)
