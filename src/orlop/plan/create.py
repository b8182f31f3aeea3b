"""The sequence of `create` and `run`: from a validated configuration to a whole plan. Here the order is the design.

Beside each step stands what would break elsewhere. The outer and the inner section run at the same time on two
processes; `release`/`await` and `signal`/`wait_signal` are the only points at which one waits for the other.
"""

from __future__ import annotations

from errno import EADDRINUSE, ECONNREFUSED, EEXIST, ENOENT
from posix import O_CREAT, O_DIRECTORY, O_EXCL

from orlop.errors import InvalidArgument
from orlop.linux.flags import O_PATH
from orlop.plan.builder import Plan
from orlop.plan.cgroups import create_cgroup, join_cgroup, remove_cgroup
from orlop.plan.devices import make_devices
from orlop.plan.hooks import has_hooks, hook_state, run_hooks
from orlop.plan.mounts import MountCompiler, is_dev_bound, is_root_shared
from orlop.plan.namespaces import Namespaces
from orlop.plan.operations import TARGET_DIRECTORY, TEMPLATE_PID, TEMPLATE_START_TIME
from orlop.plan.process import ProcessCompiler
from orlop.plan.rootfs import attach_rootfs, change_root, cut_propagation, hide_paths, open_rootfs, seal_root
from orlop.plan.tags import TAG_HOOKS, TAG_READY, TAG_STATE
from orlop.plan.teardown import remove_state, run_poststop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.context import CreateRequest, HostFacts

START_SOCKET = "start.sock"
STATE_FILE = "state.json"
CONFIG_FILE = "config.json"

SUPERVISE_TERMINAL = 1

_SOCKET_HINTS = {ENOENT: "nobody made that socket", ECONNREFUSED: "nobody listens there"}


def compile_create(config: dict[str, Any], facts: HostFacts, request: CreateRequest) -> Plan:
    """The plan that creates (and with `request.is_run` starts) the container. `config` is validated."""
    return _CreateCompiler(config, facts, request).compile()


def without_process(template: bytes) -> bytes:
    """The state of a template before there is a process."""
    return template.replace(TEMPLATE_PID, b"0").replace(TEMPLATE_START_TIME, b"0")


class _CreateCompiler:
    __slots__ = (
        "config",
        "console_slot",
        "facts",
        "hooks",
        "linux",
        "listener_slot",
        "mounts",
        "namespaces",
        "plan",
        "process",
        "request",
        "rootfs",
        "state_slot",
    )

    def __init__(self, config: dict[str, Any], facts: HostFacts, request: CreateRequest) -> None:
        verb = "run" if request.is_run else "create"
        self.plan = Plan(f'cannot {verb} container "{request.container_id}"')
        self.config = config
        self.facts = facts
        self.request = request
        self.linux: dict[str, Any] = config.get("linux") or {}
        self.hooks: dict[str, Any] = config.get("hooks") or {}
        self.namespaces = Namespaces(self.plan, self.linux)
        self.process = ProcessCompiler(self.plan, config["process"], facts)
        path = config["root"]["path"]
        self.rootfs = path if path.startswith("/") else f"{request.bundle}/{path}"
        self.mounts = MountCompiler(
            self.plan,
            self.linux,
            bundle=request.bundle,
            cgroups=facts.cgroups,
            enter_cgroup=self.enter_cgroup,
            enter_network=self.namespaces.enter_network,
            opens_sources_inside=self._opens_sources_inside(),
        )
        self.state_slot = self.listener_slot = self.console_slot = -1

    def compile(self) -> Plan:
        unified = self.outer_before_clone()
        self.namespaces.settle()
        self.process.session(f"_ses.{self.request.container_id}" if self.request.keyring else None)
        self.root_file_system()
        self.names_and_sysctls()
        self.process.limits()
        self.process.terminal(
            console_socket=self.console_slot, root=self.mounts.root, bind_console=self.namespaces.has("mount")
        )
        self.process.umask()
        self.before_the_user()
        self.namespaces.enter(unified)  # last of the part before the clone: the sources of the mounts are opened there
        self.outer_after_clone()
        self.undo()
        return self.plan

    def _opens_sources_inside(self) -> bool:
        """Whether the sources of bind mounts are opened by init: always those of a mount namespace that is joined."""
        is_joined = "mount" in self.namespaces.paths
        return is_joined or not (self.namespaces.has("user") or is_root_shared(self.linux))

    # -- the outer section --------------------------------------------------------------------------------------------

    def outer_before_clone(self) -> int:
        """What a child must find ready: sockets, opened sources. Returns the slot of the unified cgroup, or -1."""
        outer, request = self.plan.outer, self.request
        self.claim()
        if not request.is_run:
            self.listener_slot = self.plan.slot()
            outer.about("state directory", {EADDRINUSE: "a start socket is there already"})
            outer.add("listen", fd=self.listener_slot, at=self.state_slot, s0=START_SOCKET)
        elif not request.is_detached and request.subreaper:
            outer.add("subreaper")  # so that what init leaves behind without a pid namespace is reaped by us
        if request.console_socket:
            self.console_slot = self.plan.slot()
            outer.about(f"--console-socket {request.console_socket}", _SOCKET_HINTS)
            outer.add("connect", fd=self.console_slot, s0=request.console_socket)
        loses_paths = "mount" in self.namespaces.paths
        resources = self.linux.get("resources") or {}
        unified = create_cgroup(self.plan, self.facts.cgroups, resources, loses_paths=loses_paths)
        if self.namespaces.has("mount"):
            sources = self.plan.inner if "mount" in self.namespaces.paths else outer
            if sources is outer:
                open_rootfs(sources, self.linux, self.rootfs, self.mounts.root)
        return unified

    def claim(self) -> None:
        """Make the id ours, and leave what `delete -f` needs, whatever happens from here on.

        Before there is a cgroup or a process there is nothing for these files to be wrong about: no rename.
        """
        outer, request = self.plan.outer, self.request
        self.state_slot = self.plan.slot()
        outer.about("state directory", {EEXIST: "choose another id, or delete that container first"})
        outer.add("claim", fd=self.state_slot, s0=request.state_directory, n0=0o700)
        outer.about("state directory")
        for name, data in ((CONFIG_FILE, request.config_data), (STATE_FILE, without_process(request.state_template))):
            outer.add("write", at=self.state_slot, s0=name, blob=data, n0=O_CREAT | O_EXCL, n1=0o600)
        # The lock is the creator's: init must not hold it, for it outlives us.
        self.plan.inner.about("state directory")
        self.plan.inner.add("close", fd=self.state_slot)

    def enter_cgroup(self) -> None:
        """Inner: wait for the cgroup and move into it. As late as it can be: before the first mount that shows it."""
        # A joined mount namespace was entered by now, and need not have the host's cgroup mounts.
        self.namespaces.enter_network()  # it is released first, so it must be awaited first
        join_cgroup(self.plan, self.facts.cgroups, loses_paths="mount" in self.namespaces.paths)
        self.namespaces.enter_cgroup_namespace()

    def outer_after_clone(self) -> None:
        """Record init, run the runtime's hooks, let the container become permanent, report."""
        outer, request = self.plan.after_clone, self.request
        self.process.oom_score()
        outer.about("state directory")
        # Before init may go beyond its last `await`: a container that outlives us is on disk.
        outer.add("write_atomic", at=self.state_slot, s0=STATE_FILE, blob=request.state_template, n0=0o600)
        self._runtime_hooks()
        if request.pidfd_socket:
            outer.about(f"--pidfd-socket {request.pidfd_socket}", _SOCKET_HINTS)
            outer.add("pidfd_send", s0=request.pidfd_socket)
        outer.about("process")
        outer.add("release", n0=TAG_STATE)
        if request.is_run:
            outer.add("wait_exec")
        else:
            outer.add("wait_signal", n0=TAG_READY)
        if request.pid_file:
            self._pid_file(request.pid_file)  # not before all went well: a failed start leaves no file
        if request.is_run:
            run_hooks(outer, self.hooks, "poststart", self._state("running"))
        outer.about("process")
        outer.add("detach_planner")
        if request.is_run and not request.is_detached:
            terminal = self.config["process"].get("terminal") and not request.console_socket
            outer.add("supervise", n0=SUPERVISE_TERMINAL if terminal else 0)
            if not request.keep:
                outer.add("cleanup")

    def _pid_file(self, pid_file: str) -> None:
        self.plan.after_clone.about(f"--pid-file {pid_file}", {ENOENT: "its directory does not exist"})
        self.plan.after_clone.add("write_atomic", s0=pid_file, blob=TEMPLATE_PID, n0=0o644)

    def _runtime_hooks(self) -> None:
        """prestart and createRuntime: after the namespaces and mounts, before the change of root."""
        if not has_hooks(self.hooks, "prestart", "createRuntime", "createContainer"):
            return
        outer = self.plan.after_clone
        outer.about("hooks")
        outer.add("wait_signal", n0=TAG_HOOKS)
        for kind in ("prestart", "createRuntime"):
            run_hooks(outer, self.hooks, kind, self._state("creating"))
        outer.about("hooks")
        outer.add("release", n0=TAG_HOOKS)

    def _state(self, status: str) -> str:
        config = self.config
        return hook_state(
            config["ociVersion"],
            self.request.container_id,
            status,
            self.request.bundle,
            config.get("annotations") or {},
        )

    # -- the inner section --------------------------------------------------------------------------------------------

    def root_file_system(self) -> None:
        """Mounts, devices, hooks, masks, change of root: in this order, and no other."""
        inner, root = self.plan.inner, self.mounts.root
        if not self.namespaces.has("mount"):
            self.namespaces.enter_network()
            self.enter_cgroup()
            self._procfs_sysctls()
            self._chroot()
            return
        cut_propagation(inner, self.linux)
        if "mount" in self.namespaces.paths:
            open_rootfs(inner, self.linux, self.rootfs, root)
        attach_rootfs(self.plan, self.rootfs, root)
        if self.namespaces.has("user"):
            self.mounts.join_cgroup()  # while we still are the caller, who owns the cgroup
        self.namespaces.become_root_of_user_namespace()
        has_hooks_at_mounts = has_hooks(self.hooks, "prestart", "createRuntime", "createContainer")
        mounts = self.config.get("mounts") or []
        hidden = [*(self.linux.get("maskedPaths") or ()), *(self.linux.get("readonlyPaths") or ())]
        self.mounts.compile(
            mounts,
            make_devices=None if is_dev_bound(mounts) else self._make_devices,
            postponable=None if has_hooks_at_mounts else hidden,
        )
        self._working_directory()
        if has_hooks_at_mounts:
            self.mounts.complete()
            inner.about("hooks")
            inner.add("signal", n0=TAG_HOOKS)
            inner.add("await", n0=TAG_HOOKS)
            run_hooks(inner, self.hooks, "createContainer", self._state("creating"))  # in here, by the host's paths
        hide_paths(self.plan, self.linux, root)  # after the hooks, which may mount; before the host's /dev is gone
        self.mounts.complete()
        self._procfs_sysctls()  # needs the host's fsopen rights, and no path at all
        self.mounts.finish()
        seal_root(inner, self.config["root"], root)
        self.process.apparmor()  # after the hooks, which are not the container; needs the host's /proc
        change_root(inner, self.linux, root, no_pivot=self.request.no_pivot)

    def _chroot(self) -> None:
        if self.config.get("mounts"):
            raise InvalidArgument(
                "config.json: mounts: without a mount namespace they would be made on the host",
                hint='add {"type": "mount"} to linux.namespaces',
            )
        if has_hooks(self.hooks, "prestart", "createRuntime", "createContainer"):
            raise InvalidArgument(
                "config.json: hooks: those before the change of root need a mount namespace",
                hint='add {"type": "mount"} to linux.namespaces',
            )
        if self.config["root"].get("readonly"):
            raise InvalidArgument(
                "config.json: root.readonly: needs a mount namespace",
                hint='add {"type": "mount"} to linux.namespaces',
            )
        for field in ("maskedPaths", "readonlyPaths", "devices", "rootfsPropagation"):
            if self.linux.get(field):
                raise InvalidArgument(
                    f"config.json: linux.{field}: needs a mount namespace",
                    hint='add {"type": "mount"} to linux.namespaces',
                )
        inner = self.plan.inner
        self.process.apparmor()
        inner.about(f"root.path ({self.rootfs})", {ENOENT: f"create {self.rootfs} or correct root.path"})
        inner.add("open", fd=self.mounts.root, s0=self.rootfs, n0=O_PATH | O_DIRECTORY)
        self.namespaces.become_root_of_user_namespace()
        inner.add("chroot", at=self.mounts.root)

    def _make_devices(self) -> None:
        make_devices(self.plan, self.mounts, self.linux, in_user_namespace=self.namespaces.has("user"))

    def _working_directory(self) -> None:
        cwd = self.config["process"].get("cwd") or "/"
        if cwd != "/":
            self.plan.inner.about(f'process.cwd ("{cwd}")')
            self.plan.inner.add(
                "target", fd=self.plan.slot(), at=self.mounts.root, s0=cwd, n0=0o755, n1=TARGET_DIRECTORY
            )

    def names_and_sysctls(self) -> None:
        """Host name, domain name, loopback: what the container's own namespaces hold."""
        inner = self.plan.inner
        for field, operation in (("hostname", "sethostname"), ("domainname", "setdomainname")):
            if self.config.get(field):
                inner.about(field)
                inner.add(operation, s0=self.config[field])
        if self.namespaces.needs_loopback():
            inner.about("linux.namespaces (network)")
            inner.add("loopback")

    def _procfs_sysctls(self) -> None:
        sysctls = self.linux.get("sysctl") or {}
        if not sysctls:
            return
        from orlop.oci.sysctl_name import sysctl_path

        inner = self.plan.inner
        procfs = self.plan.slot()
        inner.about("linux.sysctl")
        # A procfs of our own, attached nowhere: nothing that the rootfs or a hook did can redirect these writes
        # (CVE-2025-52881).
        inner.add("new_mount", fd=procfs, s0="proc", s1="proc")
        for name, value in sysctls.items():
            inner.about(f"linux.sysctl.{name}", {ENOENT: "this kernel has no such sysctl"})
            inner.add("sysctl", fd=procfs, s0=sysctl_path(name), blob=value.encode())
        inner.add("close", fd=procfs)

    def before_the_user(self) -> None:
        """Give up everything, then wait: for our own record, and for `start`."""
        inner = self.plan.inner
        inner.about("process")
        inner.add("await", n0=TAG_STATE)  # before the filter, which may not let us read
        self.process.drop_privileges(self.request.preserve_fds)
        if not self.request.is_run:
            inner.about("process")
            inner.add("signal", n0=TAG_READY)
            inner.add("await_start", fd=self.listener_slot)
        run_hooks(inner, self.hooks, "startContainer", self._state("created"))  # as the user, with its capabilities
        self.process.execute()

    # -- the cleanup section ------------------------------------------------------------------------------------------

    def undo(self) -> None:
        """What takes everything back, in the reverse order: run when a step fails, and when a foreground `run` ends."""
        cleanup = self.plan.cleanup
        cleanup.about("process")
        cleanup.add("kill_init")
        # With a pid namespace of its own, nothing outlives its init.
        kill = not self.namespaces.is_new("pid")
        remove_cgroup(self.plan, list(self.facts.cgroups.paths().values()), kill_processes=kill)
        run_poststop(self.plan, self.hooks, self._state("stopped"))
        remove_state(self.plan, self.request.state_directory)
