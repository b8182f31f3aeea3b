"""What a configuration does not say, and what holds then: shared with the host, not restricted, or a default."""

from __future__ import annotations

from orlop.insight.value_words import NAMESPACE_WORDS
from orlop.oci.config_names import NAMESPACE_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

HOST = "host"  # it is the host's, or the caller's
OPEN = "open"  # nothing restricts it
DEFAULT = "default"  # the runtime has a value of its own


class Absence:
    """One thing that is not set: the `field`, the `effect` (HOST, OPEN or DEFAULT), and what holds then in words."""

    __slots__ = ("effect", "field", "words")

    def __init__(self, field: str, effect: str, words: str) -> None:
        self.field = field
        self.effect = effect
        self.words = words


def not_set(config: dict[str, Any]) -> list[Absence]:
    """All absences of a valid configuration that matter to who judges the container: the host's first."""
    linux: dict[str, Any] = config.get("linux") or {}
    found = [
        *_namespaces(linux),
        *_process(config.get("process") or {}),
        *_file_tree(config, linux),
        *_kernel_surface(linux),
        *_limits(linux.get("resources") or {}),
    ]
    order = (HOST, OPEN, DEFAULT)
    return sorted(found, key=lambda one: order.index(one.effect))


def _namespaces(linux: dict[str, Any]) -> Iterator[Absence]:
    listed = {one["type"] for one in linux.get("namespaces") or ()}
    for kind in NAMESPACE_TYPES:
        if kind not in listed:
            yield Absence(
                f"linux.namespaces ({kind})", HOST, _sentence(f"no {kind} namespace: {NAMESPACE_WORDS[kind][1]}")
            )


def _process(process: dict[str, Any]) -> Iterator[Absence]:
    if not process.get("terminal"):
        yield Absence("process.terminal", HOST, "Its stdin, stdout and stderr are the open files of who called orun.")
    if not process.get("rlimits"):
        yield Absence("process.rlimits", HOST, "Its resource limits are those of who called orun.")
    if process.get("oomScoreAdj") is None:
        yield Absence("process.oomScoreAdj", HOST, "Its out-of-memory score is that of who called orun.")
    if not process.get("apparmorProfile") and not process.get("selinuxLabel"):
        yield Absence("process.apparmorProfile", HOST, "No AppArmor profile or SELinux label: it keeps the caller's.")
    if not process.get("noNewPrivileges"):
        yield Absence("process.noNewPrivileges", OPEN, "A setuid program can give the process more than it has.")
    user = process.get("user") or {}
    if "uid" not in user:
        yield Absence("process.user", DEFAULT, "It runs as uid 0, root.")
    if user.get("umask") is None:
        yield Absence("process.user.umask", DEFAULT, "The umask is 0022.")
    if not any((process.get("capabilities") or {}).values()):
        yield Absence("process.capabilities", DEFAULT, "It has no capability at all, also as root.")


def _file_tree(config: dict[str, Any], linux: dict[str, Any]) -> Iterator[Absence]:
    if not config["root"].get("readonly"):
        yield Absence("root.readonly", OPEN, "The root file system is writable, and what is written stays in it.")
    if not linux.get("maskedPaths"):
        yield Absence("linux.maskedPaths", OPEN, "Nothing in /proc and /sys is hidden, /proc/kcore for example.")
    if not linux.get("readonlyPaths"):
        yield Absence("linux.readonlyPaths", OPEN, "Root inside may write /proc/sys and /proc/sysrq-trigger.")
    if not linux.get("rootfsPropagation"):
        yield Absence("linux.rootfsPropagation", DEFAULT, "Slave: mounts of the host come in, and none goes out.")


def _kernel_surface(linux: dict[str, Any]) -> Iterator[Absence]:
    if not linux.get("seccomp"):
        yield Absence("linux.seccomp", OPEN, "No filter: every system call of the kernel can be made.")
    if not linux.get("cgroupsPath"):
        yield Absence("linux.cgroupsPath", DEFAULT, "The cgroup is named after the container.")
    if not (linux.get("resources") or {}).get("devices"):
        yield Absence(
            "linux.resources.devices", DEFAULT, "Only the default devices can be opened: /dev/null and the like."
        )


def _limits(resources: dict[str, Any]) -> Iterator[Absence]:
    files = tuple(resources.get("unified") or ())
    for section, key, file, words in (
        ("memory", "limit", "memory.max", "It may use all memory that the cgroups above it allow."),
        ("pids", "limit", "pids.max", "It may make any number of processes."),
        ("cpu", "quota", "cpu.max", "It may use all CPU time."),
    ):
        value = (resources.get(section) or {}).get(key)
        if (value is None or value <= 0) and file not in files:
            yield Absence(f"linux.resources.{section}.{key}", OPEN, words)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
