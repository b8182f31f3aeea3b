"""Error numbers in words, and advice where an errno misleads."""

from __future__ import annotations

import errno
import posix

from orlop.errors import KernelError

_NAMESPACE_LIMIT = "a limit of the host: see sysctl user.max_*_namespaces"
_MOUNT_LIMIT = "a limit of the host: see sysctl fs.mount-max"

# What the text of the errno does not say, or says wrongly, for one call.
_ADVICE = {
    ("clone3", errno.ENOSPC): _NAMESPACE_LIMIT,
    ("clone3", errno.EUSERS): _NAMESPACE_LIMIT,
    ("clone3", errno.EAGAIN): "a limit on processes of the user or the cgroup is reached",
    ("clone3", errno.EBUSY): "the cgroup has controllers for its children, so no process can be in it",
    ("clone3", errno.EOPNOTSUPP): "the cgroup is in an invalid domain: see its cgroup.type",
    ("unshare", errno.ENOSPC): _NAMESPACE_LIMIT,
    ("unshare", errno.EUSERS): _NAMESPACE_LIMIT,
    ("setns", errno.EINVAL): "the file is no namespace of this type, or the process is in it already",
    ("fsmount", errno.ENOSPC): _MOUNT_LIMIT,
    ("open_tree", errno.ENOSPC): _MOUNT_LIMIT,
    ("move_mount", errno.ENOSPC): _MOUNT_LIMIT,
    ("mount_setattr", errno.ENOSYS): "the kernel is older than 5.12; orun needs 5.14",
    ("openat2", errno.EXDEV): "the path leads out of the container's root",
    ("openat2", errno.ELOOP): "a link stands on the way where none may be",
    ("capset", errno.EPERM): "the caller does not have all of these capabilities itself",
    ("seccomp", errno.EFAULT): "the filter is too long for the kernel",
    ("seccomp", errno.EACCES): "a filter needs CAP_SYS_ADMIN, or process.noNewPrivileges",
    ("bpf", errno.EPERM): "loading a device filter needs CAP_BPF or CAP_SYS_ADMIN",
    ("execve", errno.ENOENT): "the program is missing, or the interpreter or loader that it names",
    ("execve", errno.ENOEXEC): "it is no program for this machine",
    ("keyctl", errno.EDQUOT): "a limit of the host: see sysctl kernel.keys.maxkeys",
}


# What an errno wants of the user wherever no call and no field has better advice.
_GENERAL_ADVICE = {
    errno.ENOENT: "see which part of the path is missing",
    errno.ENOTDIR: "a part of the path is no directory",
    errno.EISDIR: "a file is wanted there, not a directory",
    errno.EACCES: "see the permissions of the caller",
    errno.EPERM: "the caller lacks a capability for it",
    errno.EROFS: "the file system is read-only",
    errno.ERANGE: "the value is outside of what this host has",
    errno.EINVAL: "the kernel takes no such value here, or is too old for it",
    errno.ENOSYS: "the kernel is too old, or a seccomp filter of the caller forbids it",
    errno.ENOMEM: "the host, or the caller's cgroup, is out of memory",
    errno.ENOSPC: "the disk is full, or a limit of the host is reached",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "raise the host's limit on open files (sysctl fs.file-max)",
    errno.ENAMETOOLONG: "shorten the path",
    errno.ENODEV: "the kernel has no such file system or device",
    errno.EBUSY: "somebody else uses it",
    errno.EEXIST: "something else stands there already",
    errno.ELOOP: "links go round, or one stands where none may be",
    errno.ETIMEDOUT: "see what it waits for",
}


def errno_name_and_text(number: int) -> tuple[str, str]:
    """`("ENOENT", "No such file or directory")`."""
    return errno.errorcode.get(number, f"errno {number}"), posix.strerror(number)


def errno_advice(number: int, call: str) -> str:
    """What to do about an errno of a call: for the call if the errno alone misleads there, else in general, else ""."""
    return _ADVICE.get((call, number)) or _GENERAL_ADVICE.get(number, "")


def kernel_error(call: str, arguments: str, number: int, *, where: str = "") -> KernelError:
    """A failed call as an error with its advice: `where: call arguments: ENOENT (No such file or directory)`."""
    name, text = errno_name_and_text(number)
    parts = [where] if where else []
    parts += [f"{call} {arguments}".rstrip(), f"{name} ({text})"]
    return KernelError(": ".join(parts), hint=errno_advice(number, call), call=call, errno=number)
