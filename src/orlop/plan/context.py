"""What the compiler is given beside the configuration: facts of the host, and what the caller asked for.

Both are plain values, gathered by `runtime.host` before compilation, so that compiling needs no kernel and no root.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.oci.container_id import ContainerId
    from orlop.plan.cgroups import CgroupPlacement


class SeccompProgram:
    """A compiled filter: the BPF program and the flags for seccomp(2)."""

    __slots__ = ("flags", "program")

    def __init__(self, program: bytes, flags: int) -> None:
        self.program = program
        self.flags = flags


class HostFacts:
    """The host as the compiler sees it."""

    __slots__ = ("capability_mask", "cgroups", "has_keyring", "home", "seccomp")

    def __init__(
        self,
        *,
        cgroups: CgroupPlacement,
        capability_mask: int,
        seccomp: SeccompProgram | None = None,
        home: str = "/",
    ) -> None:
        self.cgroups = cgroups  # where the container's cgroup is, or will be
        self.capability_mask = capability_mask  # every capability that the caller can pass on
        self.seccomp = seccomp
        self.home = home  # the home directory that the container's /etc/passwd gives its user


class CreateRequest:
    """What the caller of `create` or `run` asked for, beyond config.json. Paths are absolute."""

    __slots__ = (
        "bundle",
        "config_data",
        "console_socket",
        "container_id",
        "is_detached",
        "is_run",
        "keep",
        "keyring",
        "no_pivot",
        "owner",
        "pid_file",
        "pidfd_socket",
        "preserve_fds",
        "state_directory",
        "state_template",
        "subreaper",
    )

    def __init__(
        self,
        *,
        container_id: ContainerId,
        bundle: str,
        state_directory: str,
        state_template: bytes,
        config_data: bytes,
        is_run: bool,
        is_detached: bool = True,
        keep: bool = False,
        pid_file: str | None = None,
        console_socket: str | None = None,
        pidfd_socket: str | None = None,
        preserve_fds: int = 0,
        no_pivot: bool = False,
        keyring: bool = True,
        subreaper: bool = True,
    ) -> None:
        self.container_id = container_id
        self.bundle = bundle
        self.state_directory = state_directory
        self.config_data = config_data  # config.json as it was read
        self.state_template = state_template  # state.json with the template bytes for pid and start time
        self.is_run = is_run
        self.is_detached = is_detached
        self.keep = keep
        self.pid_file = pid_file
        self.console_socket = console_socket
        self.pidfd_socket = pidfd_socket
        self.preserve_fds = preserve_fds
        self.no_pivot = no_pivot
        self.keyring = keyring
        self.subreaper = subreaper


class ExecRequest:
    """What the caller of `exec` asked for. `process` is a validated process object, complete with defaults."""

    __slots__ = (
        "cgroup_joins",
        "console_socket",
        "init_pid",
        "init_start_time",
        "is_detached",
        "keyring_name",
        "pid_file",
        "pidfd_socket",
        "preserve_fds",
        "process",
        "subreaper",
    )

    def __init__(
        self,
        *,
        process: dict[str, object],
        init_pid: int,
        init_start_time: int,
        cgroup_joins: dict[str, str],
        is_detached: bool,
        pid_file: str | None,
        console_socket: str | None,
        pidfd_socket: str | None,
        preserve_fds: int,
        keyring_name: str | None,
        subreaper: bool,
    ) -> None:
        self.process = process
        self.init_pid = init_pid
        self.init_start_time = init_start_time
        self.cgroup_joins = cgroup_joins
        self.is_detached = is_detached
        self.pid_file = pid_file
        self.console_socket = console_socket
        self.pidfd_socket = pidfd_socket
        self.preserve_fds = preserve_fds
        self.keyring_name = keyring_name
        self.subreaper = subreaper
