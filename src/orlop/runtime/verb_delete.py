"""`orun delete`: take back what `create` made, and run the poststop hooks."""

from __future__ import annotations

from orlop.errors import FailedPrecondition, KernelError, NotFound
from orlop.plan.start import compile_destroy
from orlop.runtime.call import Answer
from orlop.runtime.cgroup_processes import remove_tree
from orlop.runtime.command_line import BOOL, Flag, Verb
from orlop.runtime.state_directory import lock_for_delete, remove_unfinished_files
from orlop.runtime.termination import kill_init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call
    from orlop.runtime.state_directory import Container

VERB = Verb(
    "delete",
    "<container-id>",
    "delete the resources of a container",
    (Flag("force f", BOOL, "delete the container even if it runs (SIGKILL); no error if it does not exist"),),
    minimum=1,
    maximum=1,
)


def run(call: Call) -> Answer:
    """Delete it. Afterwards nothing of it is left.

    Raises:
        NotFound: there is no such container (not with --force).
        FailedPrecondition: it runs, or its record cannot be read (not with --force).
    """
    force = call.options.flag("force")
    try:
        container = _find(call, force=force)
    except NotFound:
        if force:
            return Answer()
        raise
    if not force:
        status = container.status()
        if status == "created":
            kill_init(container)  # nothing of the user's runs yet; runc does so, and containerd's shim relies on it
        elif status != "stopped":
            raise FailedPrecondition(
                f'cannot delete container "{container.container_id}": it is {status}',
                hint="stop it with orun kill, or use --force",
            )
    else:
        _thaw(container.cgroup_paths)
        kill_init(container)
    lock = lock_for_delete(container)
    if lock is None:
        return Answer()
    call.hold(lock)
    try:
        container = _find(call, force=force)  # as it is now that nobody else is at it
    except NotFound:
        return Answer()
    if force:
        kill_init(container)
    paths = container.cgroup_paths
    plan = compile_destroy(
        container.container_id, container.config(), container.bundle, container.directory, list(paths.values())
    )
    for path in paths.values():
        remove_tree(path)  # cgroups that the container made below its own
    remove_unfinished_files(container)
    plan.keep_executor = True  # to be told whether anything stayed
    call.connection.execute(plan)
    _check_is_gone(call)
    return Answer()


def _find(call: Call, *, force: bool) -> Container:
    container = call.state_root().find(call.arguments[0], or_damaged=force)
    if container.is_damaged:
        from orlop.runtime.lost_record import cgroups_of_config

        container.record["cgroups"] = cgroups_of_config(container, call.state_root(), call.hello.proc)
    return container


def _check_is_gone(call: Call) -> None:
    """A delete that left something is an error: the container can be deleted again once the reason is gone."""
    if not call.connection.warnings:
        return
    from orlop.runtime.failure import is_hook, warning_text

    reasons = [warning_text(plan, report) for plan, report in call.connection.warnings if not is_hook(report)]
    if reasons:
        raise KernelError(reasons[0], hint="delete it again when the reason is gone")


def _thaw(cgroup_paths: dict[str, str]) -> None:
    from orlop.runtime.freezer import is_frozen, set_frozen

    if is_frozen(cgroup_paths):
        set_frozen(cgroup_paths, frozen=False)
