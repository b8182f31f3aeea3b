"""The mount options of the runtime spec (config.md, "Linux mount options") in the terms of the new mount API."""

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

# Option: (attributes to set, attributes to clear).
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
    # The access time is one field of three values; the kernel wants the whole field cleared to change it. Taking a
    # value back gives relatime, the kernel's default, so that is what `norelatime` gives too (as in mount(2) and runc).
    "relatime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
    "norelatime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
    "noatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "atime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
    "strictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "nostrictatime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
}
# With an r before it, an option is for every mount below too (AT_RECURSIVE).
_RECURSIVE_ATTRIBUTES = {f"r{name}": value for name, value in _ATTRIBUTES.items()}

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

# Flags of a superblock, which fsconfig(2) takes by these names, and the options that take one back. `ro` and `rw` are
# among them and are attributes of the mount as well.
_SUPERBLOCK = frozenset(("ro", "sync", "dirsync", "lazytime", "mand"))
_TAKES_BACK = {"rw": "ro", "async": "sync", "nolazytime": "lazytime", "nomand": "mand"}

# What the kernel does anyway (`defaults`, `loud`), or what has no name in fsconfig(2): `silent` only hushes its log,
# and file systems set `iversion` themselves.
_NO_EFFECT = frozenset(("defaults", "loud", "silent", "iversion", "noiversion"))


class MountOptions:
    """The options of one mount, sorted. `superblock_flags` and `data` are for file systems, not for bind mounts."""

    __slots__ = (
        "attr_clr",
        "attr_set",
        "data",
        "is_bind",
        "is_recursive_bind",
        "is_remount",
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
        self.propagation: list[int] = []  # MS_* flags, in the order in which they are to be applied
        self.superblock_flags: list[str] = []
        self.data: list[str] = []
        self.is_bind = False
        self.is_recursive_bind = False
        self.is_remount = False
        self.tmpcopyup = False


def parse_mount_options(options: Iterable[str]) -> MountOptions:
    """The options sorted by what the kernel does with them; of two that contradict each other the later one counts.

    What the specification does not name goes to the file system, in `data`.
    """
    result = MountOptions()
    for option in options:
        if option in _ATTRIBUTES:
            result.attr_set, result.attr_clr = _change(result.attr_set, result.attr_clr, *_ATTRIBUTES[option])
            _superblock(result.superblock_flags, option)
        elif option in _RECURSIVE_ATTRIBUTES:
            result.rec_attr_set, result.rec_attr_clr = _change(
                result.rec_attr_set, result.rec_attr_clr, *_RECURSIVE_ATTRIBUTES[option]
            )
        elif option in _PROPAGATION:
            result.propagation.append(_PROPAGATION[option])
        elif option in _SUPERBLOCK or option in _TAKES_BACK:
            _superblock(result.superblock_flags, option)
        elif option in ("bind", "rbind"):
            result.is_bind = True
            result.is_recursive_bind = result.is_recursive_bind or option == "rbind"
        elif option == "remount":
            result.is_remount = True
        elif option == "tmpcopyup":
            result.tmpcopyup = True
        elif option and option not in _NO_EFFECT:
            result.data.append(option)
    return result


def option_names() -> list[str]:
    """Every option that is understood, sorted (features.md, mountOptions)."""
    known = (*_ATTRIBUTES, *_RECURSIVE_ATTRIBUTES, *_PROPAGATION, *_SUPERBLOCK, *_TAKES_BACK, *_NO_EFFECT)
    return sorted({*known, "bind", "rbind", "tmpcopyup"})


def _superblock(flags: list[str], option: str) -> None:
    if option in _SUPERBLOCK and option not in flags:
        flags.append(option)
    taken_back = _TAKES_BACK.get(option)
    if taken_back in flags:
        flags.remove(taken_back)


def _change(attr_set: int, attr_clr: int, new_set: int, new_clr: int) -> tuple[int, int]:
    if new_clr & MOUNT_ATTR__ATIME:
        return attr_set & ~MOUNT_ATTR__ATIME | new_set, attr_clr | MOUNT_ATTR__ATIME
    return (attr_set | new_set) & ~new_clr, (attr_clr | new_clr) & ~new_set
