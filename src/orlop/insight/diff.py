"""What differs between two configurations: what matters to the walls of the container first, then the rest."""

from __future__ import annotations

from orlop.insight.change import CHANGED, STRONGER, WEAKER, Change
from orlop.insight.diff_host import hook_changes, kernel_changes
from orlop.insight.diff_limits import limit_changes
from orlop.insight.diff_mounts import mount_changes, path_changes, root_changes
from orlop.insight.diff_namespaces import namespace_changes
from orlop.insight.diff_process import process_changes
from orlop.insight.diff_seccomp import seccomp_changes
from orlop.insight.value_text import printable
from orlop.oci.json_codec import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What the rules above tell about; everything else is compared as it is.
JUDGED = frozenset(
    (
        "process.user", "process.capabilities", "process.noNewPrivileges", "process.rlimits", "process.oomScoreAdj",
        "root", "mounts", "hooks",
        "linux.namespaces", "linux.uidMappings", "linux.gidMappings", "linux.devices", "linux.cgroupsPath",
        "linux.resources", "linux.sysctl", "linux.seccomp", "linux.rootfsPropagation", "linux.maskedPaths",
        "linux.readonlyPaths",
    )
)  # fmt: skip

_ORDER = (WEAKER, CHANGED, STRONGER)


class Difference:
    """`security`: changes with a verdict, the weaker ones first. `other`: changes without."""

    __slots__ = ("other", "security")

    def __init__(self, security: list[Change], other: list[Change]) -> None:
        self.security = security
        self.other = other

    def count(self, verdict: str) -> int:
        """How many changes have this verdict."""
        return sum(one.verdict == verdict for one in self.security)


def diff(old: dict[str, Any], new: dict[str, Any]) -> Difference:
    """The difference of two valid configurations. Properties that the spec does not define count among the others."""
    before, after = old.get("linux") or {}, new.get("linux") or {}
    security = [
        *namespace_changes(before, after),
        *process_changes(old, new),
        *seccomp_changes(before.get("seccomp"), after.get("seccomp")),
        *root_changes(old, new),
        *mount_changes(old.get("mounts") or (), new.get("mounts") or ()),
        *path_changes(before, after),
        *limit_changes(before.get("resources") or {}, after.get("resources") or {}),
        *hook_changes(old.get("hooks") or {}, new.get("hooks") or {}),
        *kernel_changes(before, after),
    ]
    security.sort(key=lambda one: _ORDER.index(one.verdict))
    return Difference(security, _others(old, new))


def _others(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    before, after = [dict(_flat(one, "")) for one in (old, new)]
    return [
        Change(path, CHANGED, before.get(path), after.get(path))
        for path in {**before, **after}
        if before.get(path) != after.get(path)
    ]


def _flat(value: Any, path: str) -> list[tuple[str, str]]:
    """The values below an object that say something, each with its path. Lists stay whole."""
    if path in JUDGED:
        return []
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        return [row for key, item in value.items() for row in _flat(item, f"{prefix}{key}")]
    if path == "process.env":
        return [(f"process.env ({name})", text) for name, text in _environment(value or [])]
    if value in (None, False, "", []):
        return []  # the same as not there
    return [(path, printable(value if isinstance(value, str) else encode(value)))]


def _environment(entries: list[str]) -> list[tuple[str, str]]:
    """Name and value; of a name that is given twice all values, in their order."""
    values: dict[str, list[str]] = {}
    for entry in entries:
        name, _, value = entry.partition("=")
        values.setdefault(name, []).append(value)
    return [(name, printable(", ".join(texts))) for name, texts in values.items()]
