"""One operation of a plan as a short text in plain words: `attach the new tmpfs at /dev`.

The system call is not in it: it stands beside the text, from `orlop.plan.operation_table`.
"""

from __future__ import annotations

from _stat import S_IFBLK, S_IFIFO, S_IFMT
from _struct import unpack
from posix import major, minor

from orlop.insight.slot_names import SlotNames
from orlop.insight.value_text import (
    attribute_names,
    capability_names,
    printable,
    propagation_name,
    words_text,
)
from orlop.linux.flags import AT_RECURSIVE, clone_flag_names
from orlop.plan.operations import (
    BEST_EFFORT,
    EXCLUSIVE,
    IGNORE_EACCES,
    IGNORE_EEXIST,
    IGNORE_ENOENT,
    NO_SYMLINKS,
    TARGET_MUST_EXIST,
)
from orlop.plan.tags import TAG_CGROUP, TAG_HOOKS, TAG_MAPS, TAG_NETWORK, TAG_READY, TAG_STAGE, TAG_STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Step

    Parts = tuple[str, str, str]

_BPF_INSTRUCTION_BYTES = 8
_VALUE_MAX = 60
_COUNT_MASK = (1 << 32) - 1

_FLAG_TEXTS = (
    (IGNORE_EEXIST, "unless it is there"),
    (IGNORE_ENOENT, "if it is there"),
    (IGNORE_EACCES, "if that is allowed yet"),
    (NO_SYMLINKS, "no symbolic link on the way"),
    (EXCLUSIVE, "which must be new"),
    (BEST_EFFORT, "a failure is a warning only"),
)


_TAGS = {
    TAG_MAPS: "the id maps are written",
    TAG_STAGE: "init is there",
    TAG_NETWORK: "the network namespace is there",
    TAG_CGROUP: "the cgroup is there, with its limits",
    TAG_HOOKS: "the mounts are there, hooks run now",
    TAG_STATE: "state.json names init's pid",
    TAG_READY: "everything is set up",
}
# The other direction of TAG_HOOKS: the outer process lets init go on.
_HOOKS_DONE = "the hooks have run"


def operation_text(step: Step, slots: SlotNames | None = None) -> str:
    """What one step does, on one line. `slots` knows what earlier steps opened; without it a slot is a number."""
    return "".join(operation_parts(step, slots or SlotNames()))


def operation_parts(step: Step, slots: SlotNames) -> Parts:
    """The same as head, subject and tail: steps that differ in the subject only can be told together."""
    head, subject, tail = _PARTS[step.operation](step, slots)
    notes = [text for flag, text in _FLAG_TEXTS if step.flags & flag]
    return head, printable(subject), tail + "".join(f", {note}" for note in notes)


def tag_text(step: Step) -> str:
    """What a tag of `release`, `await`, `signal` or `wait_signal` says."""
    if step.n0 == TAG_HOOKS and step.operation in ("release", "await"):
        return _HOOKS_DONE
    return _TAGS.get(step.n0, f"tag {step.n0}")


def _arguments(step: Step) -> list[str]:
    words = step.blob.decode("utf-8", "surrogateescape").split("\0")
    return words[: step.n0 & _COUNT_MASK]


def _data(step: Step) -> str:
    """What is written: a short value itself, of a document only its size."""
    text = step.blob.decode("utf-8", "backslashreplace").strip()
    return f'"{printable(text)}"' if len(text) <= _VALUE_MAX else f"{len(step.blob)} bytes"


def _at(step: Step, slots: SlotNames) -> str:
    return slots.path(step.at, step.s0)


def _mkdir(step: Step, slots: SlotNames) -> Parts:
    return "make the directory ", _at(step, slots), f" (mode {step.n0:04o})"


def _claim(step: Step, slots: SlotNames) -> Parts:
    return "make and lock the directory ", _at(step, slots), f" (mode {step.n0:04o}), which must be new"


def _write_slot(step: Step, slots: SlotNames) -> Parts:
    return "write ", _data(step), f" to {slots.name(step.fd)}"


def _verify_device(step: Step, slots: SlotNames) -> Parts:
    kind = "block" if step.n1 == S_IFBLK else "character"
    return "check that ", slots.name(step.fd), f" is the {kind} device {_device(step.n0)}"


def _device(number: int) -> str:
    return f"{major(number)}:{minor(number)}"


def _clone(step: Step, slots: SlotNames) -> Parts:
    flags = clone_flag_names(step.n0)
    where = f", directly in the cgroup {slots.name(step.fd)}" if step.fd >= 0 else ""
    return "start a child, which becomes the container's init", f" ({flags})" if flags else "", where


def _setns(step: Step, slots: SlotNames) -> Parts:
    return f"join the namespace ({clone_flag_names(step.n0)}) of ", step.s0 or slots.name(step.fd), ""


def _write_proc(owner: str) -> Callable[[Step, SlotNames], Parts]:
    def parts(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
        return f"write {_data(step)} to {owner} /proc/.../", step.s0 or "", ""

    return parts


def _hook(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    timeout = f", for {step.n1 / 1000:g} s at most" if step.n1 else ""
    rest = _arguments(step)[1:]
    return "run the program ", step.s0 or "", f"{' with ' + words_text(rest) if rest else ''}{timeout}"


def _open_tree(step: Step, slots: SlotNames) -> Parts:
    below = ", with the mounts below it" if step.n0 & AT_RECURSIVE else ""
    return "take a copy of the mount of ", _at(step, slots), f"{below}, attached nowhere yet"


def _new_mount(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    options = [*attribute_names(step.n0), *step.blob.decode("utf-8", "backslashreplace").rstrip("\0").split("\0")]
    text = printable(",".join(option for option in options if option))
    return "make a file system of type ", step.s0 or "", f"{' (' + text + ')' if text else ''}, attached nowhere yet"


def _target(step: Step, slots: SlotNames) -> Parts:
    missing = "" if step.n1 & 0xFF == TARGET_MUST_EXIST else ", made if it is missing"
    base = slots.name(step.at)
    where = f" in {base}" if base.startswith("the new") else " inside the root"
    return "find ", step.s0 or "", where + missing


def _mount_setattr(step: Step, slots: SlotNames) -> Parts:
    attr_set, attr_clr, propagation, _ = unpack("<4Q", step.blob)
    changes = attribute_names(attr_set)
    changes += [f"not {name}" for name in attribute_names(attr_clr & ~attr_set)]
    if propagation:
        changes.append(f"propagation {propagation_name(propagation)}")
    below = ", and all mounts below it" if step.n0 & AT_RECURSIVE else ""
    return "make the mount ", slots.name(step.fd), f"{below}: {', '.join(changes) or 'relatime'}"


def _propagation(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    return "make the propagation of ", step.s0 or "", f" {propagation_name(step.n0)}"


def _pivot_root(step: Step, slots: SlotNames) -> Parts:
    way = " (by MS_MOVE and chroot)" if step.n0 else ""
    return "make ", slots.name(step.at), f" the root directory, and unmount the old root{way}"


def _mknod(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    kind = S_IFMT(step.n0)
    owner = f", owner {':'.join(map(str, unpack('<2I', step.blob)))}" if step.blob else ""
    number = "" if kind == S_IFIFO else f" {'b' if kind == S_IFBLK else 'c'} {_device(step.n1)}"
    what = "named pipe" if kind == S_IFIFO else "device node"
    return f"make the {what} ", f"{step.s0}{number}", f" (mode {step.n0 & 0o7777:04o}{owner})"


def _symlink(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    return "make the symbolic link ", f"{step.s0} -> {step.s1}", ""


def _verify_filesystem(step: Step, slots: SlotNames) -> Parts:
    kind = "a procfs" if step.n0 == 0x9FA0 else f"a file system of magic {step.n0:#x}"
    return "check that ", slots.name(step.fd), f" is {'not ' if step.n1 else ''}on {kind}"


def _sysctl(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    return "write ", f"{_data(step)} to /proc/sys/{step.s0}", ", through a procfs of our own"


def _console(step: Step, slots: SlotNames) -> Parts:
    where = f"send its master to {slots.name(step.fd)}" if step.fd >= 0 else "give its master to the outer process"
    return "open a terminal in the container's /dev/pts", "", f", {where}, and make it stdin, stdout and stderr"


def _rlimit(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    soft, hard = unpack("<2Q", step.blob)
    return "limit ", f"{step.s0} to {_unlimited(soft)} (soft) and {_unlimited(hard)} (hard)", ""


def _unlimited(value: int) -> str:
    return "unlimited" if value == (1 << 64) - 1 else str(value)


def _identity(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    groups = unpack(f"<{len(step.blob) // 4}I", step.blob)
    text = f", groups {', '.join(map(str, groups))}" if groups else ", no other group"
    return "become ", f"uid {step.n0}, gid {step.n1}", text


def _bounding_set(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    names = ", ".join(capability_names(step.n0))
    return "drop every capability from the bounding set", names and f" but {names}", ""


def _capabilities(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    sets: dict[int, list[str]] = {}
    for name, mask in zip(("effective", "permitted", "inheritable", "ambient"), unpack("<4Q", step.blob), strict=True):
        sets.setdefault(mask, []).append(name)
    text = "; ".join(
        f"{', '.join(names)}: {', '.join(capability_names(mask)) or 'none'}" for mask, names in sets.items()
    )
    return "set the capabilities: ", text, ""


def _program(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    return f"load the filter of {len(step.blob) // _BPF_INSTRUCTION_BYTES} BPF instructions", "", ""


def _device_filter(step: Step, slots: SlotNames) -> Parts:
    count = len(step.blob) // _BPF_INSTRUCTION_BYTES
    return f"attach the device filter of {count} eBPF instructions to the cgroup ", slots.name(step.fd), ""


def _lookup_program(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    where = f" on PATH {step.s1}" if step.s1 and "/" not in (step.s0 or "") else ""
    return "find the program ", step.s0 or "", where


def _execve(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
    variables = step.n0 >> 32
    return "execute ", words_text(_arguments(step)), f", with {variables} environment variables"


def _said(head: str, tail: str = "") -> Callable[[Step, SlotNames], Parts]:
    """A text that is the same whatever the arguments."""

    def parts(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
        return head, "", tail

    return parts


def _path(head: str, tail: str = "") -> Callable[[Step, SlotNames], Parts]:
    """A text about a path that the step takes relative to its slot `at`."""

    def parts(step: Step, slots: SlotNames) -> Parts:
        return head, _at(step, slots), tail

    return parts


def _name(head: str, tail: str = "") -> Callable[[Step, SlotNames], Parts]:
    """A text about the step's own string, which is no path of the host or is inside the root."""

    def parts(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
        return head, step.s0 or "", tail

    return parts


def _tag(head: str) -> Callable[[Step, SlotNames], Parts]:
    def parts(step: Step, slots: SlotNames) -> Parts:  # noqa: ARG001 (one signature for all)
        return head, tag_text(step), ""

    return parts


_PARTS: dict[str, Callable[[Step, SlotNames], Parts]] = {
    "mkdir": _mkdir,
    "claim": _claim,
    "rmdir": _path("remove the directory "),
    "unlink": _path("remove the file "),
    "open": _path("open "),
    "close": lambda step, slots: ("close ", slots.name(step.fd), ""),
    "write": lambda step, slots: ("write ", f"{_data(step)} to {_at(step, slots)}", ""),
    "write_slot": _write_slot,
    "write_atomic": _path("write ", ", whole or not at all"),
    "verify_device": _verify_device,
    "clone": _clone,
    "refork": _said("make the process that becomes init, with the new namespaces, and end"),
    "setns": _setns,
    "unshare": lambda step, slots: ("leave for new namespaces: ", clone_flag_names(step.n0), ""),  # noqa: ARG005
    "pidfd_open": lambda step, slots: ("open the process ", str(step.n0), ""),  # noqa: ARG005
    "pidfd_send": _name("send a descriptor of init to the socket "),
    "write_init_proc": _write_proc("init's"),
    "write_self_proc": _write_proc("its own"),
    "release": _tag("tell init: "),
    "await": _tag("wait until told: "),
    "signal": _tag("tell the outer process: "),
    "wait_signal": _tag("wait until init tells: "),
    "wait_exec": _said("wait until the program is executed"),
    "await_start": _said("wait for `orun start` on the socket"),
    "connect_start": _path("tell init to start, on the socket "),
    "listen": _path("listen on the socket "),
    "hook": _hook,
    "detach_planner": _said("let the planner (Python) end: the plan has gone well"),
    "supervise": lambda step, slots: (  # noqa: ARG005
        "pass on signals" + (" and the terminal" if step.n0 else ""), "", ", and wait for init's end",
    ),
    "cleanup": _said("run the cleanup section"),
    "kill_cgroup": _path("kill every process in the cgroup "),
    "subreaper": _said("become the parent of orphans (PR_SET_CHILD_SUBREAPER)"),
    "kill_init": _said("kill init, if it is there, and reap it"),
    "open_tree": _open_tree,
    "new_mount": _new_mount,
    "target": _target,
    "move_mount": lambda step, slots: ("attach ", slots.name(step.fd), f" at {step.s0}"),
    "mount_setattr": _mount_setattr,
    "propagation": _propagation,
    "pivot_root": _pivot_root,
    "mask": _name("hide ", ", if it is there"),
    "readonly": _name("make read-only ", ", if it is there"),
    "mknod": _mknod,
    "symlink": _symlink,
    "inherit_mode": lambda step, slots: ("give ", slots.name(step.fd), f" the mode of {printable(step.s0 or '')}"),
    "regain_capabilities": _said("take back the capabilities that are permitted still"),
    "copy_tree": lambda step, slots: ("copy what is in ", slots.name(step.fd), f" into {slots.name(step.at)}"),
    "verify_filesystem": _verify_filesystem,
    "chroot": lambda step, slots: ("change the root directory to ", slots.name(step.at), " (chroot)"),
    "sethostname": _name("set the host name to "),
    "setdomainname": _name("set the domain name to "),
    "sysctl": _sysctl,
    "new_network": _said("make a network namespace"),
    "setsid": _said("start a session of its own"),
    "console": _console,
    "stdio_owner": lambda step, slots: ("give stdin, stdout and stderr to ", f"uid {step.n0}", ""),  # noqa: ARG005
    "rlimit": _rlimit,
    "umask": lambda step, slots: ("set the umask to ", f"{step.n0:04o}", ""),  # noqa: ARG005
    "keyring": _name("join a new session keyring, "),
    "identity": _identity,
    "bounding_set": _bounding_set,
    "capabilities": _capabilities,
    "no_new_privs": _said("give up gaining privileges by execve, for good"),
    "seccomp": _program,
    "chdir": _name("change to the directory "),
    "lookup_program": _lookup_program,
    "close_range": lambda step, slots: (  # noqa: ARG005
        "let every file from descriptor ", str(step.n0), " on be closed by execve",
    ),
    "execve": _execve,
    "device_filter": _device_filter,
    "connect": _name("connect to the socket "),
    "loopback": _said("bring the loopback interface up"),
    "kill": lambda step, slots: (f"send signal {step.n0} to ", slots.name(step.fd), ""),
    "wait_exit": lambda step, slots: ("wait for the end of ", slots.name(step.fd), ""),
    "sigmask": _said("reset every signal to its default"),
    "reset_affinity": _said("allow every CPU that the cgroup allows"),
}  # fmt: skip
