"""The sequence of `exec`: one more process in a container. One clone; the namespaces are joined by pidfd, at once."""

from __future__ import annotations

from errno import ECONNREFUSED, EINVAL, ENOENT, EPERM, ESRCH
from posix import O_DIRECTORY

from orlop.linux.flags import CLONE_NEWPID, O_PATH
from orlop.plan.builder import Plan, u32_blob
from orlop.plan.cgroups import join_existing_cgroup
from orlop.plan.create import SUPERVISE_TERMINAL
from orlop.plan.namespaces import FLAG_OF_TYPE
from orlop.plan.operations import TEMPLATE_PID
from orlop.plan.process import ProcessCompiler
from orlop.plan.tags import TAG_STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.context import ExecRequest, HostFacts

_SOCKET_HINTS = {ENOENT: "nobody made that socket", ECONNREFUSED: "nobody listens there"}


def compile_exec(container_id: str, config: dict[str, Any], facts: HostFacts, request: ExecRequest) -> Plan:
    """The plan that runs `request.process` in the container whose init is `request.init_pid`."""
    plan = Plan(f'cannot exec in container "{container_id}"')
    kinds = {namespace["type"] for namespace in (config.get("linux") or {}).get("namespaces") or ()}
    process = ProcessCompiler(plan, request.process, facts)
    outer, inner = plan.outer, plan.inner

    outer.about("process")
    if not request.is_detached and request.subreaper:
        outer.add("subreaper")
    console = -1
    if request.console_socket:
        console = plan.slot()
        outer.about(f"--console-socket {request.console_socket}", _SOCKET_HINTS)
        outer.add("connect", fd=console, s0=request.console_socket)
    cgroup_slot = join_existing_cgroup(plan, request.cgroup_joins)
    process.apparmor()  # by the host's /proc, which is out of reach in the container's mount namespace
    _join_namespaces(plan, request, kinds, cgroup_slot)

    outer = plan.after_clone
    process.oom_score()
    if request.pidfd_socket:
        outer.about(f"--pidfd-socket {request.pidfd_socket}", _SOCKET_HINTS)
        outer.add("pidfd_send", s0=request.pidfd_socket)
    outer.about("process")
    outer.add("release", n0=TAG_STATE)
    outer.add("wait_exec")
    if request.pid_file:
        outer.about(f"--pid-file {request.pid_file}", {ENOENT: "its directory does not exist"})
        outer.add("write_atomic", s0=request.pid_file, blob=TEMPLATE_PID, n0=0o644)
        outer.about("process")
    outer.add("detach_planner")
    if not request.is_detached:
        terminal = request.process.get("terminal") and not request.console_socket
        outer.add("supervise", n0=SUPERVISE_TERMINAL if terminal else 0)

    if "user" in kinds:
        inner.about("linux.uidMappings")
        inner.add("identity", n0=0, n1=0, blob=u32_blob(), s0="allowed")
    process.session(request.keyring_name)
    process.limits()
    process.terminal(console_socket=console, root=-1, bind_console=False)
    process.umask()
    inner.about("process")
    inner.add("await", n0=TAG_STATE)
    process.drop_privileges(request.preserve_fds)
    process.execute()
    plan.cleanup.about("process")
    plan.cleanup.add("kill_init")
    return plan


def _join_namespaces(plan: Plan, request: ExecRequest, kinds: set[str], cgroup_slot: int) -> None:
    pidfd = plan.slot()
    outer, inner = plan.outer, plan.inner
    outer.about("container's init", {ESRCH: "it has ended", ENOENT: "it has ended"})
    # The root of a mount namespace is the container's only where the runtime itself had no other root: in a chroot, or
    # without a mount namespace, joining alone leaves the new process in the files of the host.
    root = plan.slot()
    outer.add("open", fd=root, s0=f"/proc/{request.init_pid}/root", n0=O_PATH | O_DIRECTORY)
    outer.add("pidfd_open", fd=pidfd, n0=request.init_pid, n1=request.init_start_time)
    hints = {ESRCH: "the container has ended", EINVAL: "the kernel is older than 5.8", EPERM: "the caller may not"}
    outer.about("linux.namespaces", hints)
    if "pid" in kinds:
        outer.add("setns", fd=pidfd, n0=CLONE_NEWPID, s0="pid")  # affects children, of which there will be one
    plan.after_clone.about("process")
    plan.after_clone.add("clone", fd=cgroup_slot, n0=0)
    flags = 0
    for kind in kinds:
        if kind != "pid":
            flags |= FLAG_OF_TYPE[kind]
    if flags:
        inner.about("linux.namespaces", hints)
        inner.add("setns", fd=pidfd, n0=flags, s0="of init")
    inner.about("root")
    inner.add("chroot", at=root)
    inner.about("linux.namespaces")
    inner.add("close", fd=root)
    inner.add("close", fd=pidfd)
