"""`orun update`: change the resource limits of a container while it runs."""

from __future__ import annotations

import posix

from orlop.errors import FailedPrecondition, InvalidArgument, KernelError, OrlopError
from orlop.linux.errno_text import errno_name_and_text
from orlop.oci.config import validate_resources
from orlop.oci.field_checks import Context
from orlop.oci.json_codec import decode
from orlop.plan.cgroups import LimitWrite, placement_writes
from orlop.runtime.call import Answer
from orlop.runtime.command_line import NUMBER, TEXT, Flag, Verb
from orlop.runtime.host import recorded_cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.cgroups import CgroupPlacement
    from orlop.runtime.call import Call

# Flag, section and key of linux.resources.
_LIMITS = (
    ("memory", "memory", "limit", "memory limit in bytes"),
    ("memory-reservation", "memory", "reservation", "soft memory limit in bytes"),
    ("memory-swap", "memory", "swap", "memory and swap in bytes; -1 for no limit"),
    ("cpu-period", "cpu", "period", "CFS period in microseconds"),
    ("cpu-quota", "cpu", "quota", "CPU time per period in microseconds"),
    ("cpu-burst", "cpu", "burst", "CPU time to accumulate, in microseconds"),
    ("cpu-share", "cpu", "shares", "CPU weight relative to others"),
    ("cpu-rt-period", "cpu", "realtimePeriod", "realtime period in microseconds"),
    ("cpu-rt-runtime", "cpu", "realtimeRuntime", "realtime CPU time per period in microseconds"),
    ("cpu-idle", "cpu", "idle", "1: run only when nothing else wants the CPU"),
)

_OTHER_FLAGS = {"cpu.cpus": "--cpuset-cpus", "cpu.mems": "--cpuset-mems", "pids.limit": "--pids-limit"}
_RESOURCES_MAX_BYTES = 16 << 20

VERB = Verb(
    "update",
    "<container-id>",
    "change resource limits of a container",
    (
        Flag(
            "resources r", TEXT, "file with linux.resources as JSON, or - for standard input; other flags are ignored"
        ),
        *(Flag(name, TEXT, text) for name, _, _, text in _LIMITS),
        Flag("cpuset-cpus", TEXT, "CPUs to run on"),
        Flag("cpuset-mems", TEXT, "memory nodes to use"),
        Flag("pids-limit", NUMBER, "the most processes"),
        Flag("kernel-memory", TEXT, "no effect (obsolete)", hidden=True),
        Flag("kernel-memory-tcp", TEXT, "no effect (obsolete)", hidden=True),
        Flag("blkio-weight", NUMBER, "block IO weight (not supported yet)"),
        Flag("l3-cache-schema", TEXT, "Intel RDT L3 schema (not supported yet)"),
        Flag("mem-bw-schema", TEXT, "Intel RDT memory bandwidth schema (not supported yet)"),
    ),
    minimum=1,
    maximum=1,
)


def run(call: Call) -> Answer:
    """Write the new limits. When one is refused, those written before it are put back.

    Raises:
        KernelError: naming the limit that was refused.
        FailedPrecondition: the container has stopped.
    """
    container = call.state_root().find(call.arguments[0])
    status = container.status()
    if status == "stopped":
        raise FailedPrecondition(
            f'cannot update container "{container.container_id}": it is stopped', hint="limits need a live container"
        )
    resources, origin = _resources(call)
    validate_resources(resources, source=origin.source, flags=origin.flags)
    subject = f'cannot update container "{container.container_id}"'
    try:
        placement = recorded_cgroup(container.cgroup_paths)
        writes = placement_writes(resources, placement, origin.place)
        _check_usage(resources.get("memory") or {}, placement, origin)
        if placement.mode != "v2":
            writes = _widen_first(writes, placement, origin)
        _apply(writes, placement, origin)
    except OrlopError as error:
        raise type(error)(f"{subject}: {error.message}", hint=error.hint) from error
    return Answer()


def _resources(call: Call) -> tuple[dict[str, Any], Context]:
    """The resources, and how to name where a field of theirs comes from."""
    options = call.options
    if options.text("resources"):
        return _resources_of_file(call)
    for flag in ("blkio-weight", "l3-cache-schema", "mem-bw-schema"):
        if flag in options.given:
            raise InvalidArgument(f"--{flag}: not supported by this version of orun", hint="drop it")
    resources: dict[str, Any] = {}
    for name, section, key, _ in _LIMITS:
        if options.text(name):
            resources.setdefault(section, {})[key] = _number(name, options.text(name))
    for name, key in (("cpuset-cpus", "cpus"), ("cpuset-mems", "mems")):
        if options.text(name):
            resources.setdefault("cpu", {})[key] = options.text(name)
    if "pids-limit" in options.given:
        resources["pids"] = {"limit": options.number("pids-limit")}
    flags = {f"{section}.{key}": f"--{name}" for name, section, key, _ in _LIMITS}
    return resources, Context("update", {**flags, **_OTHER_FLAGS})


def _resources_of_file(call: Call) -> tuple[dict[str, Any], Context]:
    name = call.options.text("resources")
    path = f"/proc/{call.hello.pid}/fd/0" if name == "-" else call.path(name)
    data = call.read("resources", path, max_bytes=_RESOURCES_MAX_BYTES, hint="give a file, or -")
    source = "standard input" if name == "-" else path
    resources: Any = decode(data, source)
    if not isinstance(resources, dict):
        raise InvalidArgument("--resources: it must be a JSON object", hint='for example {"pids": {"limit": 10}}')
    return resources, Context(source)


_DIGITS_MAX = 19  # what fits into 64 bits
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "b": 1}


def _number(name: str, text: str) -> int:
    """A number, for memory with a unit (`64m`, `64MiB`) as runc takes it."""
    digits = text.removeprefix("-")
    unit = 1
    if name.startswith("memory") and not digits.isdigit():
        lower = digits.lower().removesuffix("ib").removesuffix("b") or digits.lower()
        if lower[-1:] in _UNITS:
            unit, digits = _UNITS[lower[-1]], lower[:-1]
        else:
            digits = lower
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        raise InvalidArgument(f'--{name}: "{text}" is not a number', hint="for example 1048576")
    return int(digits) * unit * (-1 if text.startswith("-") else 1)


def _check_usage(memory: dict[str, Any], placement: CgroupPlacement, origin: Context) -> None:
    """memory.checkBeforeUpdate (config-linux.md): refuse a limit below what is in use, instead of killing for it."""
    limit = memory.get("limit") or 0
    if not memory.get("checkBeforeUpdate") or limit <= 0 or "memory" not in placement.by_controller():
        return
    file = "memory.current" if placement.mode == "v2" else "memory.usage_in_bytes"
    with open(f"{placement.by_controller()['memory']}/{file}", encoding="ascii") as usage:
        used = int(usage.read())
    if limit < used:
        raise FailedPrecondition(
            f"{origin.place('memory.limit')}: {limit} is less than the {used} bytes in use",
            hint="raise it, or drop checkBeforeUpdate",
        )


def _widen_first(writes: list[LimitWrite], placement: CgroupPlacement, origin: Context) -> list[LimitWrite]:
    """v1 wants memory <= memory and swap at every moment: when growing, the larger one is written first."""
    memory = next((one for one in writes if one.file == "memory.limit_in_bytes"), None)
    swap = next((one for one in writes if one.file == "memory.memsw.limit_in_bytes"), None)
    if memory is None or swap is None or "memory" not in placement.by_controller():
        return writes
    path = f"{placement.by_controller()['memory']}/{swap.file}"
    try:
        with open(path, encoding="ascii") as file:
            current = int(file.read())
    except FileNotFoundError as error:
        if swap.optional:
            return writes
        raise FailedPrecondition(
            f"{origin.place('memory.swap')}: this kernel does not account for swap: {path} does not exist",
            hint="boot it with swapaccount=1, or drop it",
        ) from error
    if int(swap.value) < 0 or int(swap.value) > current:
        writes.remove(swap)
        writes.insert(writes.index(memory), swap)
    return writes


def _apply(writes: list[LimitWrite], placement: CgroupPlacement, origin: Context) -> None:
    paths = placement.by_controller()
    for write in writes:
        if write.controller not in paths:
            place = origin.place(write.field.removeprefix("linux.resources."))
            raise InvalidArgument(f"{place}: this host has no {write.controller} cgroup controller", hint="drop it")
    done: list[tuple[str, str]] = []
    for write in writes:
        file = f"{paths[write.controller]}/{write.file}"
        try:
            with open(file, encoding="ascii") as old:
                before = old.read().strip()
            _put(file, write.value)
        except OSError as error:
            if write.optional and isinstance(error, FileNotFoundError):
                continue
            for path, value in reversed(done):
                _put(path, value)
            name, text = errno_name_and_text(error.errno or 0)
            place = origin.place(write.field.removeprefix("linux.resources."))
            missing = isinstance(error, FileNotFoundError)
            why = "this kernel has no such limit" if missing else "the kernel refuses the value"
            if write.file in ("cpu.shares", "cpu.weight") and _is_idle(paths[write.controller]):
                why = f"the cgroup is idle: set {origin.place('cpu.idle')} to 0 with it"
            raise KernelError(
                f'{place}: write {file}: "{write.value}": {name} ({text})', hint=f"{why}; all limits are as before"
            ) from error
        done.append((file, before))


def _is_idle(directory: str) -> bool:
    """Whether the cgroup runs only when nothing else wants the CPU, and so has no weight."""
    try:
        with open(f"{directory}/cpu.idle", encoding="ascii") as file:
            return file.read().strip() == "1"
    except FileNotFoundError:
        return False


def _put(path: str, value: str) -> None:
    fd = posix.open(path, posix.O_WRONLY | posix.O_TRUNC | posix.O_CLOEXEC)  # never one that is not there
    try:
        posix.write(fd, value.encode("ascii"))
    finally:
        posix.close(fd)
