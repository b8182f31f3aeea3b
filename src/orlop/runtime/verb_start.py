"""`orun start`: let the program of a created container run."""

from __future__ import annotations

from orlop.errors import FailedPrecondition
from orlop.plan.operations import CODE
from orlop.plan.start import compile_destroy, compile_start
from orlop.runtime.command_line import Verb
from orlop.runtime.protocol import ExecutorFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call
    from orlop.runtime.state_directory import Container

VERB = Verb("start", "<container-id>", "start a created container", (), minimum=1, maximum=1)


def run(call: Call) -> None:
    """Start it, and run the poststart hooks.

    A startContainer or poststart hook that fails takes the container back (runtime.md, lifecycle steps 7 and 9).

    Raises:
        FailedPrecondition: it is not in the state `created`.
    """
    call.phase("state")
    container = call.state_root().find(call.arguments[0])
    status = container.status()
    if status != "created":
        raise FailedPrecondition(
            f'cannot start container "{container.container_id}": it is {status}',
            hint="resume it first" if status == "paused" else "only a created container can be started",
        )
    config = container.config()
    call.phase("compile")
    plan = compile_start(container.container_id, config, container.bundle, container.directory, container.pid)
    try:
        call.connection.execute(plan)
    except ExecutorFailed as failed:
        if failed.report.code == CODE["hook"]:
            _destroy(call, container)
        raise


def _destroy(call: Call, container: Container) -> None:
    from orlop.runtime.termination import kill_init

    kill_init(container)
    call.connection.execute(
        compile_destroy(
            container.container_id,
            container.config(),
            container.bundle,
            container.directory,
            list(container.cgroup_paths.values()),
            keep_executor=True,
        )
    )
