"""The container's cgroup: its directories, its limits, the device rules, and how the container gets into it.

The limits of `linux.resources` become (field, file, value) writes, the same for `create` and for `update`. Joining
never writes a pid to `cgroup.procs`: the child writes `0` to each v1 `tasks` file itself, and enters v2 by
CLONE_INTO_CGROUP (docs/architecture.md says why: cgroup_threadgroup_rwsem).
"""

from __future__ import annotations

from errno import EACCES, EBUSY, EINVAL, ENOENT, EPERM
from posix import O_DIRECTORY, O_RDONLY, O_WRONLY

from orlop.errors import InvalidArgument
from orlop.plan.operations import BEST_EFFORT, IGNORE_EEXIST, IGNORE_ENOENT
from orlop.plan.tags import TAG_CGROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from orlop.plan.builder import Plan, Section

_REMOVE_RETRY_MS = 2000
_KILL_TIMEOUT_MS = 5000

_LIMIT_HINTS = {
    ENOENT: "the host's kernel or cgroup layout has no such controller; drop the limit",
    EINVAL: "the kernel refuses the value",
    EBUSY: "the limit is below what is already in use",
    EACCES: "the controller is not delegated to this cgroup",
    EPERM: "the controller is not delegated to this cgroup",
}


_HUGEPAGE_HINTS = {
    **_LIMIT_HINTS,
    ENOENT: "the kernel has no huge pages of this size (/sys/kernel/mm/hugepages lists them), or the controller is not"
    " delegated to this cgroup",
}


class CgroupDirectory:
    """The container's directory in one hierarchy. `hierarchy` is "" for the unified one."""

    __slots__ = ("controllers", "hierarchy", "missing", "parent_cpus", "parent_mems", "path")

    def __init__(
        self,
        hierarchy: str,
        controllers: Sequence[str],
        path: str,
        missing: Sequence[str],
        *,
        parent_cpus: str = "",
        parent_mems: str = "",
    ) -> None:
        self.hierarchy = hierarchy
        self.controllers = controllers
        self.path = path
        self.missing = missing  # the directories to make, outermost first; empty when the cgroup is there already
        self.parent_cpus = parent_cpus  # v1 cpuset: what the nearest existing ancestor has, which a child must be given
        self.parent_mems = parent_mems


class CgroupPlacement:
    """Where a container's cgroup is, in every hierarchy of the host."""

    __slots__ = ("delegate", "directories", "mode")

    def __init__(
        self, mode: str, directories: Sequence[CgroupDirectory], delegate: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.mode = mode  # "v1", "hybrid" or "v2"
        self.directories = directories
        self.delegate = delegate  # v2: (cgroup.subtree_control file, controller) of each ancestor that lacks it

    def by_controller(self) -> dict[str, str]:
        """The directory in which each controller's files are; the key "" is the unified hierarchy's."""
        paths: dict[str, str] = {}
        for directory in self.directories:
            if not directory.hierarchy:
                paths[""] = directory.path
            for controller in directory.controllers:
                paths[controller] = directory.path
        return paths

    def is_unified(self, controller: str) -> bool:
        """Whether a controller is in the unified hierarchy, which on a hybrid host is told by its directory."""
        return any(not one.hierarchy and controller in one.controllers for one in self.directories)

    def paths(self) -> dict[str, str]:
        """The directory by hierarchy, as state.json keeps them."""
        return {directory.hierarchy: directory.path for directory in self.directories}


class LimitWrite:
    """One value for one cgroup file, and the field that it comes from. An `optional` file need not exist."""

    __slots__ = ("controller", "field", "file", "optional", "value")

    def __init__(self, field: str, controller: str, file: str, value: str, *, optional: bool = False) -> None:
        self.field = field
        self.controller = controller
        self.file = file
        self.value = value
        self.optional = optional


def create_cgroup(
    plan: Plan, placement: CgroupPlacement, resources: dict[str, Any], *, loses_paths: bool = False
) -> int:
    """Make the cgroup, set its limits and device rules, and open the ways into it.

    The unified directory comes before the clone, which goes right into it; returns its slot for `clone`, or -1. The v1
    directories come after the clone: making ten of them takes as long as the namespaces that the child makes meanwhile;
    unless the child `loses_paths`, going into another mount namespace, and must be given all it needs open.
    `join_cgroup` is the child's side.
    """
    from orlop.plan.cgroup_devices import load_device_filter, write_device_files  # what only a new cgroup needs

    is_v2 = placement.mode == "v2"
    v1 = plan.outer if loses_paths else plan.until_cgroup
    for directory in placement.directories:
        section = v1 if directory.hierarchy else plan.outer
        section.about("linux.cgroupsPath")
        for path in directory.missing:
            section.add("mkdir", s0=path, n0=0o755, flags=IGNORE_EEXIST)
            if directory.parent_cpus:
                section.add("write", s0=f"{path}/cpuset.cpus", blob=directory.parent_cpus.encode())
                section.add("write", s0=f"{path}/cpuset.mems", blob=directory.parent_mems.encode())
    for file, controller in placement.delegate:
        plan.outer.add("write", s0=file, blob=f"+{controller}".encode(), flags=BEST_EFFORT)
    _limits(plan.outer if is_v2 else v1, placement, resources)
    _warn_of_limits_without_effect(plan, resources.get("memory") or {}, is_v2=is_v2)
    if is_v2:
        load_device_filter(plan, placement, resources.get("devices") or ())
    else:
        # Init does not wait for them: what it makes and opens itself, it may. They are there before its program is.
        write_device_files(plan.after_clone, plan.slot(), placement, resources.get("devices") or ())
    return _open_unified(plan, placement.paths())


def join_cgroup(plan: Plan, placement: CgroupPlacement, *, loses_paths: bool = False) -> None:
    """The child's side: move itself into each v1 hierarchy, once the outer process has made them all."""
    inner = plan.inner
    inner.about("linux.cgroupsPath")
    inner.add("await", n0=TAG_CGROUP)
    if loses_paths:
        _join_v1(plan, placement.paths())
        return
    paths = [path for hierarchy, path in placement.paths().items() if hierarchy]
    if not paths:
        return
    slot = plan.slot()
    for path in paths:
        inner.add("open", fd=slot, s0=f"{path}/tasks", n0=O_WRONLY)
        inner.add("write_slot", fd=slot, blob=b"0")
    inner.add("close", fd=slot)


def join_existing_cgroup(plan: Plan, paths: dict[str, str]) -> int:
    """For `exec`: the same for a cgroup that is there. Returns the slot of the unified directory for `clone`, or -1."""
    inner = plan.inner
    hints = {ENOENT: "the cgroup does not exist", EPERM: "the cgroup is not ours"}
    # The freezer last: in a paused container the child stops there, and must be in all the others by then.
    paths = dict(sorted(paths.items(), key=lambda item: item[0] == "freezer"))
    plan.outer.about("linux.cgroupsPath", hints)
    inner.about("linux.cgroupsPath", hints)
    _join_v1(plan, paths)
    return _open_unified(plan, paths)


def _join_v1(plan: Plan, paths: dict[str, str]) -> None:
    """By files opened outside, before the clone: the child may be in a mount namespace without these paths."""
    for hierarchy, path in paths.items():
        if hierarchy:
            slot = plan.slot()
            plan.outer.add("open", fd=slot, s0=f"{path}/tasks", n0=O_WRONLY)
            plan.inner.add("write_slot", fd=slot, blob=b"0")
            plan.inner.add("close", fd=slot)


def _open_unified(plan: Plan, paths: dict[str, str]) -> int:
    if "" not in paths:
        return -1
    slot = plan.slot()
    plan.outer.about("linux.cgroupsPath")
    plan.outer.add("open", fd=slot, s0=paths[""], n0=O_RDONLY | O_DIRECTORY)
    return slot


def remove_cgroup(plan: Plan, paths: Sequence[str], *, kill_processes: bool) -> None:
    """Undo: end every process in the cgroup, then remove its directories."""
    cleanup = plan.cleanup
    cleanup.about("linux.cgroupsPath")
    if kill_processes and paths:
        cleanup.add("kill_cgroup", s0=paths[0], n0=_KILL_TIMEOUT_MS)
    for path in paths:
        cleanup.add("rmdir", s0=path, n0=_REMOVE_RETRY_MS)


def _limits(section: Section, placement: CgroupPlacement, resources: dict[str, Any]) -> None:
    paths = placement.by_controller()
    for write in placement_writes(resources, placement):
        directory = paths.get(write.controller)
        if directory is None:
            raise InvalidArgument(
                f"config.json: {write.field}: this host has no {write.controller or 'unified'} cgroup controller",
                hint="drop the limit, or enable the controller",
            )
        section.about(write.field, _HUGEPAGE_HINTS if write.controller == "hugetlb" else _LIMIT_HINTS)
        flags = IGNORE_ENOENT if write.optional else 0
        section.add("write", s0=f"{directory}/{write.file}", blob=write.value.encode(), flags=flags)


def _warn_of_limits_without_effect(plan: Plan, memory: dict[str, Any], *, is_v2: bool) -> None:
    """Say which limits of kernel memory no file takes: left out in silence, they would be believed in."""
    gone = {"kernel": "the kernel ignores it since Linux 5.16"}
    if is_v2:
        gone = dict.fromkeys(("kernel", "kernelTCP"), "cgroup v2 has no such limit")
    for key, why in gone.items():
        if (memory.get(key) or 0) > 0:
            plan.warnings.append(f"linux.resources.memory.{key}: no effect: {why}")


def field_of_config(field: str) -> str:
    """How an error names a field below linux.resources that config.json has."""
    return f"config.json: linux.resources.{field}"


def placement_writes(
    resources: dict[str, Any], placement: CgroupPlacement, place: Callable[[str], str] = field_of_config
) -> list[LimitWrite]:
    """`limit_writes` for a cgroup of this host. `place` is how errors name a field, that need not be of config.json."""
    is_unified = placement.is_unified("hugetlb")
    return limit_writes(resources, is_v2=placement.mode == "v2", is_hugetlb_unified=is_unified, place=place)


def limit_writes(
    resources: dict[str, Any],
    *,
    is_v2: bool,
    is_hugetlb_unified: bool = False,
    place: Callable[[str], str] = field_of_config,
) -> list[LimitWrite]:
    """What `linux.resources` (config-linux.md, "Control groups") becomes, in the order in which it must be written."""
    writes: list[LimitWrite] = []
    make = _Writer(writes, place)
    memory = resources.get("memory") or {}
    cpu = resources.get("cpu") or {}
    if is_v2:
        _memory_v2(memory, make)
        _cpu_v2(cpu, make)
    else:
        _memory_v1(memory, make)
        _cpu_v1(cpu, make)
    for key in ("cpus", "mems"):
        if cpu.get(key):
            make(f"cpu.{key}", "cpuset", f"cpuset.{key}", cpu[key])
    limit = (resources.get("pids") or {}).get("limit")
    if limit is not None and limit != 0:
        make("pids.limit", "pids", "pids.max", "max" if limit < 0 else str(limit))
    if resources.get("hugepageLimits"):
        from orlop.plan.hugetlb import hugepage_writes

        # On a hybrid host the one controller that is not in cgroup v1, mostly.
        is_unified = is_v2 or is_hugetlb_unified
        for field, file, value, optional in hugepage_writes(resources["hugepageLimits"], is_unified=is_unified):
            make(field, "hugetlb", file, value, optional=optional)
    for file, value in (resources.get("unified") or {}).items():
        if not is_v2:
            make.refuse(
                f'unified["{file}"]',
                "this host uses cgroup v1, which has no unified files",
                "use the v1 fields instead",
            )
        for line in value.split("\n"):
            make(f'unified["{file}"]', "", file, line)
    return writes


class _Writer:
    __slots__ = ("_place", "_writes")

    def __init__(self, writes: list[LimitWrite], place: Callable[[str], str]) -> None:
        self._writes = writes
        self._place = place

    def refuse(self, field: str, why: str, hint: str) -> NoReturn:
        raise InvalidArgument(f"{self._place(field)}: {why}", hint=hint)

    def __call__(self, field: str, controller: str, file: str, value: object, *, optional: bool = False) -> None:
        self._writes.append(LimitWrite(f"linux.resources.{field}", controller, file, str(value), optional=optional))


def _memory_v1(memory: dict[str, Any], make: _Writer) -> None:
    limit, swap = memory.get("limit"), memory.get("swap")
    if limit and limit < 0 and not swap:
        # No limit of memory is none of memory and swap, as runc has it. First: it may never be the lower one.
        make("memory.limit", "memory", "memory.memsw.limit_in_bytes", -1, optional=True)
    if limit:
        make("memory.limit", "memory", "memory.limit_in_bytes", limit)
    if swap:
        make("memory.swap", "memory", "memory.memsw.limit_in_bytes", swap)
    if memory.get("reservation"):
        make("memory.reservation", "memory", "memory.soft_limit_in_bytes", memory["reservation"])
    if memory.get("kernelTCP"):
        make("memory.kernelTCP", "memory", "memory.kmem.tcp.limit_in_bytes", memory["kernelTCP"])
    if memory.get("swappiness") is not None:
        make("memory.swappiness", "memory", "memory.swappiness", memory["swappiness"])
    if memory.get("disableOOMKiller"):
        make("memory.disableOOMKiller", "memory", "memory.oom_control", 1)


def _memory_v2(memory: dict[str, Any], make: _Writer) -> None:
    for key in ("swappiness", "disableOOMKiller"):
        if memory.get(key) is not None and memory[key] is not False:
            make.refuse(f"memory.{key}", "cgroup v2 has no such setting", "drop it")
    limit, swap = memory.get("limit"), memory.get("swap")
    if limit:
        make("memory.limit", "memory", "memory.max", "max" if limit < 0 else limit)
        if limit < 0 and not swap:
            make("memory.limit", "memory", "memory.swap.max", "max", optional=True)  # as on v1
    if swap:
        # v1 counts memory and swap together, v2 swap alone (config-linux.md, memory.swap).
        if swap < 0:
            make("memory.swap", "memory", "memory.swap.max", "max")
        elif not limit or limit < 0:
            make.refuse("memory.swap", "on cgroup v2 a swap limit needs a memory limit", "set both")
        else:
            make("memory.swap", "memory", "memory.swap.max", swap - limit)
    if memory.get("reservation"):
        reservation = memory["reservation"]
        make("memory.reservation", "memory", "memory.low", "max" if reservation < 0 else reservation)


def _cpu_v1(cpu: dict[str, Any], make: _Writer) -> None:
    # An idle cgroup takes no shares (EINVAL): they are written while it is not idle.
    idle = cpu.get("idle")
    if idle == 0:
        make("cpu.idle", "cpu", "cpu.idle", idle)
    for key, file in (
        ("shares", "cpu.shares"),
        ("period", "cpu.cfs_period_us"),
        ("quota", "cpu.cfs_quota_us"),
        ("burst", "cpu.cfs_burst_us"),
        ("realtimePeriod", "cpu.rt_period_us"),
        ("realtimeRuntime", "cpu.rt_runtime_us"),
    ):
        if cpu.get(key):
            make(f"cpu.{key}", "cpu", file, cpu[key])
    if idle:
        make("cpu.idle", "cpu", "cpu.idle", idle)


def _cpu_v2(cpu: dict[str, Any], make: _Writer) -> None:
    # An idle cgroup takes no weight (EINVAL): the weight is written while it is not idle.
    idle = cpu.get("idle")
    if idle == 0:
        make("cpu.idle", "cpu", "cpu.idle", idle)
    if cpu.get("shares"):
        make("cpu.shares", "cpu", "cpu.weight", cpu_weight(cpu["shares"]))
    if idle:
        make("cpu.idle", "cpu", "cpu.idle", idle)
    quota, period = cpu.get("quota"), cpu.get("period")
    if quota or period:
        make("cpu.quota", "cpu", "cpu.max", f"{quota if quota and quota > 0 else 'max'} {period or 100000}")
    if cpu.get("burst"):
        make("cpu.burst", "cpu", "cpu.max.burst", cpu["burst"])
    for key in ("realtimePeriod", "realtimeRuntime"):
        if cpu.get(key):
            make.refuse(f"cpu.{key}", "cgroup v2 has no realtime limits", "drop it")


def cpu_weight(shares: int) -> int:
    """The v2 `cpu.weight` (1..10000) for v1 `cpu.shares` (2..262144), so that 1024 becomes 100.

    The curve that runc 1.3.2 and crun 1.23 changed to; the straight line before it gave 39 for the default 1024.
    """
    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    from math import ceil, log2

    exponent = log2(shares)
    return ceil(10 ** ((exponent * exponent + 125 * exponent) / 612 - 7 / 34))
