"""`orun run`: create and start in one, in the foreground until the container ends, or with -d in the background."""

from __future__ import annotations

from orlop.runtime.command_line import BOOL, Flag, Verb
from orlop.runtime.creation import create_container
from orlop.runtime.verb_create import CREATE_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call

VERB = Verb(
    "run",
    "<container-id>",
    "create and start a container",
    (
        *CREATE_FLAGS,
        Flag("detach d", BOOL, "do not wait for the container"),
        Flag("keep", BOOL, "do not delete the container when it ends"),
        Flag("rm", BOOL, "delete the container when it ends (the default)"),
        Flag("no-subreaper", BOOL, "do not adopt orphans of the container"),
    ),
    minimum=1,
    maximum=1,
)


def run(call: Call) -> None:
    """Run the container. The executor waits for it and takes it back; the planner does not."""
    create_container(call, is_run=True, is_detached=call.options.flag("detach"))
