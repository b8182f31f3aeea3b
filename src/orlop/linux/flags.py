"""Numbers of the kernel's interfaces, by their names, and the way back for messages."""

from __future__ import annotations

# Namespaces: clone(2), unshare(2) and setns(2).
CLONE_NEWTIME = 0x00000080
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# Flags of mount(2).
MS_RDONLY = 1 << 0
MS_NOSUID = 1 << 1
MS_NODEV = 1 << 2
MS_NOEXEC = 1 << 3
MS_REMOUNT = 1 << 5
MS_BIND = 1 << 12
MS_MOVE = 1 << 13
MS_REC = 1 << 14
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20

# Attributes of a mount: fsmount(2) and mount_setattr(2).
MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_RELATIME = 0x00
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x100000
MOUNT_ATTR_NOSYMFOLLOW = 0x200000

# Flags of the *at calls and of open_tree(2).
AT_SYMLINK_NOFOLLOW = 0x100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = 0o2000000

# A flag of open(2) that the posix module does not have.
O_PATH = 0o10000000

_CLONE_NAMES = {
    CLONE_NEWUSER: "CLONE_NEWUSER",
    CLONE_NEWNS: "CLONE_NEWNS",
    CLONE_NEWPID: "CLONE_NEWPID",
    CLONE_NEWNET: "CLONE_NEWNET",
    CLONE_NEWUTS: "CLONE_NEWUTS",
    CLONE_NEWIPC: "CLONE_NEWIPC",
    CLONE_NEWCGROUP: "CLONE_NEWCGROUP",
    CLONE_NEWTIME: "CLONE_NEWTIME",
}
_MS_NAMES = {
    MS_RDONLY: "MS_RDONLY",
    MS_NOSUID: "MS_NOSUID",
    MS_NODEV: "MS_NODEV",
    MS_NOEXEC: "MS_NOEXEC",
    MS_REMOUNT: "MS_REMOUNT",
    MS_BIND: "MS_BIND",
    MS_MOVE: "MS_MOVE",
    MS_REC: "MS_REC",
    MS_UNBINDABLE: "MS_UNBINDABLE",
    MS_PRIVATE: "MS_PRIVATE",
    MS_SLAVE: "MS_SLAVE",
    MS_SHARED: "MS_SHARED",
}
_MOUNT_ATTR_NAMES = {
    MOUNT_ATTR_RDONLY: "MOUNT_ATTR_RDONLY",
    MOUNT_ATTR_NOSUID: "MOUNT_ATTR_NOSUID",
    MOUNT_ATTR_NODEV: "MOUNT_ATTR_NODEV",
    MOUNT_ATTR_NOEXEC: "MOUNT_ATTR_NOEXEC",
    MOUNT_ATTR_NOATIME: "MOUNT_ATTR_NOATIME",
    MOUNT_ATTR_STRICTATIME: "MOUNT_ATTR_STRICTATIME",
    MOUNT_ATTR_NODIRATIME: "MOUNT_ATTR_NODIRATIME",
    MOUNT_ATTR_IDMAP: "MOUNT_ATTR_IDMAP",
    MOUNT_ATTR_NOSYMFOLLOW: "MOUNT_ATTR_NOSYMFOLLOW",
}


def clone_flag_names(flags: int) -> str:
    """`CLONE_NEWNS|CLONE_NEWPID`; "" for none."""
    return _names(flags, _CLONE_NAMES)


def mount_flag_names(flags: int) -> str:
    """`MS_REC|MS_SLAVE`; "" for none."""
    return _names(flags, _MS_NAMES)


def mount_attribute_names(attributes: int) -> str:
    """`MOUNT_ATTR_RDONLY|MOUNT_ATTR_NODEV`; "" for none (which is also MOUNT_ATTR_RELATIME)."""
    return _names(attributes, _MOUNT_ATTR_NAMES)


def _names(flags: int, names: dict[int, str]) -> str:
    """The names of the bits, joined by a bar; bits without a name as one number in hexadecimal."""
    parts = []
    for bit, name in names.items():
        if flags & bit:
            parts.append(name)
            flags &= ~bit
    if flags:
        parts.append(hex(flags))
    return "|".join(parts)
