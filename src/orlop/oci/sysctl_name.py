"""Names of sysctls: their two forms, and the namespace that each belongs to (sysctl(8), config-linux.md, "Sysctl")."""

from __future__ import annotations

# Sysctls of a namespace of their own (kernel: ipc/ipc_sysctl.c, ipc/mq_sysctl.c, kernel/utsname_sysctl.c).
_NAMESPACE = {
    "kernel.msgmax": "ipc",
    "kernel.msgmnb": "ipc",
    "kernel.msgmni": "ipc",
    "kernel.sem": "ipc",
    "kernel.shmall": "ipc",
    "kernel.shmmax": "ipc",
    "kernel.shmmni": "ipc",
    "kernel.shm_rmid_forced": "ipc",
    "kernel.domainname": "uts",
    "kernel.hostname": "uts",
}
_PREFIX_NAMESPACE = (("net.", "network"), ("fs.mqueue.", "ipc"), ("user.", "user"))

_SWAP = str.maketrans("./", "/.")


def dotted_name(name: str) -> str:
    """A name in the form with dots. When a slash is its first separator, dots and slashes change places."""
    dot, slash = name.find("."), name.find("/")
    if slash < 0 or 0 <= dot < slash:
        return name
    return name.translate(_SWAP)


def sysctl_path(name: str) -> str:
    """The path below /proc/sys of a name in either form: `net.ipv4.conf.eth0/1.mtu` is net/ipv4/conf/eth0.1/mtu."""
    return dotted_name(name).translate(_SWAP)


def is_sysctl_name(name: str) -> bool:
    """Whether every component of its path is a name, so that it stays where it seems to be (CVE-2022-0811)."""
    parts = sysctl_path(name).split("/")
    return len(parts) > 1 and all(part.strip(".") for part in parts)


def namespace_of(name: str) -> str:
    """The type of the namespace that has this sysctl for itself; "" when it is the host's."""
    dotted = dotted_name(name)
    for prefix, namespace in _PREFIX_NAMESPACE:
        if dotted.startswith(prefix):
            return namespace
    return _NAMESPACE.get(dotted, "")
