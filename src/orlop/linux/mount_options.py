"""The mount options of the runtime spec (config.md, "Linux mount options"), as the kernel's new mount API takes them."""

from __future__ import annotations

from orlop.linux.flags import (
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_RELATIME,
    MOUNT_ATTR_STRICTATIME,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Option: (attributes to set, attributes to clear). With an r before it, the same for every mount below.
_ATTRIBUTES = {
    "ro": (MOUNT_ATTR_RDONLY, 0),
    "rw": (0, MOUNT_ATTR_RDONLY),
    "nosuid": (MOUNT_ATTR_NOSUID, 0),
    "suid": (0, MOUNT_ATTR_NOSUID),
    "nodev": (MOUNT_ATTR_NODEV, 0),
    "dev": (0, MOUNT_ATTR_NODEV),
    "noexec": (MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, MOUNT_ATTR_NOEXEC),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, MOUNT_ATTR_NOSYMFOLLOW),
    # The access time is one field of three values; changing it clears the whole field first.
    "relatime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
    "norelatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "noatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "atime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
    "strictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "nostrictatime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
}
RECURSIVE_ATTRIBUTES = {f"r{name}": value for name, value in _ATTRIBUTES.items()}

_PROPAGATION = {
    "private": MS_PRIVATE,
    "rprivate": MS_PRIVATE | MS_REC,
    "shared": MS_SHARED,
    "rshared": MS_SHARED | MS_REC,
    "slave": MS_SLAVE,
    "rslave": MS_SLAVE | MS_REC,
    "unbindable": MS_UNBINDABLE,
    "runbindable": MS_UNBINDABLE | MS_REC,
}

# Flags of a superblock, which fsconfig takes by these names.
_SUPERBLOCK = frozenset(("sync", "dirsync", "lazytime", "mand"))
_NO_EFFECT = frozenset(("defaults", "async", "nolazytime", "nomand", "loud", "silent", "iversion", "noiversion",
                        "acl", "noacl", "rbind", "bind", "remount"))  # fmt: skip


class MountOptions:
    """The options of one mount, sorted. `superblock_flags` and `data` are for file systems, not for bind mounts."""

    __slots__ = (
        "attr_clr",
        "attr_set",
        "data",
        "is_bind",
        "is_recursive_bind",
        "propagation",
        "rec_attr_clr",
        "rec_attr_set",
        "superblock_flags",
        "tmpcopyup",
    )

    def __init__(self) -> None:
        self.attr_set = 0
        self.attr_clr = 0
        self.rec_attr_set = 0
        self.rec_attr_clr = 0
        self.propagation: list[int] = []
        self.superblock_flags: list[str] = []
        self.data: list[str] = []
        self.is_bind = False
        self.is_recursive_bind = False
        self.tmpcopyup = False


def parse_mount_options(options: Iterable[str]) -> MountOptions:
    """The options sorted by what the kernel does with them; of two that contradict each other the later one counts."""
    result = MountOptions()
    for option in options:
        attribute = _ATTRIBUTES.get(option)
        if attribute is not None:
            result.attr_set, result.attr_clr = _change(result.attr_set, result.attr_clr, *attribute)
            if option == "ro":
                result.superblock_flags.append("ro")
            elif option == "rw" and "ro" in result.superblock_flags:
                result.superblock_flags.remove("ro")
        elif option in RECURSIVE_ATTRIBUTES:
            result.rec_attr_set, result.rec_attr_clr = _change(
                result.rec_attr_set, result.rec_attr_clr, *RECURSIVE_ATTRIBUTES[option]
            )
        elif option in _PROPAGATION:
            result.propagation.append(_PROPAGATION[option])
        elif option in ("bind", "rbind"):
            result.is_bind = True
            result.is_recursive_bind = result.is_recursive_bind or option == "rbind"
        elif option == "tmpcopyup":
            result.tmpcopyup = True
        elif option in _SUPERBLOCK:
            result.superblock_flags.append(option)
        elif option and option not in _NO_EFFECT:
            result.data.append(option)
    return result


def option_names() -> list[str]:
    """Every option that is understood, sorted (features.md, mountOptions)."""
    names = {*_ATTRIBUTES, *RECURSIVE_ATTRIBUTES, *_PROPAGATION, *_SUPERBLOCK, *_NO_EFFECT, "tmpcopyup"}
    return sorted(names)


def _change(attr_set: int, attr_clr: int, new_set: int, new_clr: int) -> tuple[int, int]:
    if new_clr & MOUNT_ATTR__ATIME:
        return attr_set & ~MOUNT_ATTR__ATIME | new_set, attr_clr | MOUNT_ATTR__ATIME
    return (attr_set | new_set) & ~new_clr, (attr_clr | new_clr) & ~new_set
