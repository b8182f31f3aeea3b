"""The container in which the unpacker runs: a config.json for `orun`. A function; nothing is read or written here.

THREATS.md H, I, N: its root holds a Python, read only, and one directory that can be written; it has namespaces of its
own, no network, the capabilities that extraction takes, and the system calls that Python and the extractor make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .python_files import MODULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .contract import UnpackJob
    from .python_files import PythonFiles

LAYER = "/layer"  # the job's directory, in the helper's root
PROGRAM = f"{MODULES}/orlop/archive/unpack_program.py"
_NAMESPACES = ("pid", "network", "ipc", "uts", "mount")
# orun makes the default devices in it: by a mount they are in no directory that outlives the helper.
_DEVICES = {
    "type": "tmpfs",
    "source": "tmpfs",
    "destination": "/dev",
    "options": ["nosuid", "noexec", "mode=755", "size=64k"],
}
_FILES_MAX = 256
_TASKS_MAX = 8  # the reader, the stream's thread, one that watches the caller; and some room
# Of the memory limit: what is no data, but resident too, is interpreter and libraries, which are files: 10 MiB.
_NO_DATA_BYTES = 12 << 20
_DATA_LEAST_BYTES = 24 << 20  # or Python does not even start

# Owners, modes that the owner may not set, devices, security.capability. A directory of mode 0 is written into too.
_EXTRACTION = ("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETFCAP")
_TRUSTED_XATTRS = "CAP_SYS_ADMIN"  # and nothing else of what it allows: no such call is in the list below

_INTERPRETER_CALLS = (
    "arch_prctl",
    "brk",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "dup",
    "dup2",
    "dup3",
    "execve",  # by orun, to become Python: the filter is loaded before. There is no other program in the root
    "exit",
    "exit_group",
    "fcntl",
    "futex",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getppid",
    "getrandom",
    "getrusage",
    "gettid",
    "gettimeofday",
    "getuid",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "nanosleep",
    "poll",
    "ppoll",
    "pread64",
    "prlimit64",
    "pwrite64",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "sysinfo",
    "uname",
    "write",
    "writev",
)
_FILE_CALLS = (
    "access",
    "chmod",
    "chown",
    "copy_file_range",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchownat",
    "fdatasync",
    "fgetxattr",
    "flistxattr",
    "fremovexattr",
    "fsetxattr",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "futimesat",
    "getxattr",
    "lchown",
    "lgetxattr",
    "link",
    "linkat",
    "listxattr",
    "llistxattr",
    "lremovexattr",
    "lsetxattr",
    "lstat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "removexattr",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "setxattr",
    "stat",
    "statx",
    "symlink",
    "symlinkat",
    "sync_file_range",
    "umask",
    "unlink",
    "unlinkat",
    "utime",
    "utimensat",
    "utimes",
)
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x10000
_TERMINAL_ATTRIBUTES, _CLOSE_ON_EXEC, _NOT_CLOSE_ON_EXEC = 0x5401, 0x5451, 0x5450  # TCGETS, FIOCLEX, FIONCLEX


def helper_config(
    job: UnpackJob, python: PythonFiles, words: Sequence[str], *, root: str, program: str = ""
) -> dict[str, Any]:
    """The configuration (runtime-spec, config.md) of a helper for a job; `words` are its arguments.

    `root` is an empty directory, into which mount points are made. `program` is a file of this machine to be run in
    place of the unpacker, which is what tests do to see how far a hostile one comes.
    """
    binds = [*python.binds, *([(program, "/program.py")] if program else [])]
    command = [python.executable, "-I", "-S", "-B", "/program.py" if program else PROGRAM, *words]
    data_bytes = max(job.limits.memory_bytes - _NO_DATA_BYTES, _DATA_LEAST_BYTES)
    return {
        "ociVersion": "1.2.1",
        "process": {
            "user": {"uid": 0, "gid": 0, "umask": 0},
            "args": command,
            "env": [*python.environment, "MALLOC_ARENA_MAX=1"],
            "cwd": "/",
            "capabilities": {kind: _capabilities(job) for kind in ("bounding", "effective", "permitted")},
            "rlimits": [
                _rlimit("CORE", 0),
                _rlimit("DATA", data_bytes),
                _rlimit("MEMLOCK", 0),
                _rlimit("NOFILE", _FILES_MAX),
            ],
            "noNewPrivileges": True,
        },
        "root": {"path": root, "readonly": True},
        "mounts": [
            _DEVICES,
            *(_bind(*one, "ro") for one in binds),
            *_layer_mounts(job),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in _NAMESPACES],
            "resources": {"pids": {"limit": _TASKS_MAX}},
            "seccomp": _seccomp(),
        },
    }


def _capabilities(job: UnpackJob) -> list[str]:
    if job.form == "tar-index":
        return []  # two files of root, in a directory of root
    # Where overlay's own marks are user.*, or there are none, no trusted.* is written: not from an archive either.
    return [*_EXTRACTION, _TRUSTED_XATTRS] if job.form == "overlay" and not job.user_xattr else list(_EXTRACTION)


def _rlimit(name: str, value: int) -> dict[str, Any]:
    return {"type": f"RLIMIT_{name}", "soft": value, "hard": value}


def _bind(source: str, destination: str, *options: str) -> dict[str, Any]:
    return {
        "type": "bind",
        "source": source,
        "destination": destination,
        "options": ["bind", *options, "nosuid", "nodev"],
    }


def _layer_mounts(job: UnpackJob) -> list[dict[str, Any]]:
    """The layer's directory; or what shows it on top of its parent, which only the helper sees, and ends with it."""
    if not job.mounts:
        return [_bind(str(job.directory), LAYER, "rw", "noexec")]
    return [
        {
            "type": one.type,
            "source": one.source,
            "destination": LAYER,
            "options": [*one.options, "nosuid", "nodev", "noexec"],
        }
        for one in job.mounts
    ]


def _seccomp() -> dict[str, Any]:
    """What is not listed fails with EPERM. clone3, whose flags no filter sees, is unknown: libc takes clone then."""
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _EPERM,
        "syscalls": [
            {"names": [*_INTERPRETER_CALLS, *_FILE_CALLS], "action": "SCMP_ACT_ALLOW"},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS},
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [_masked(_CLONE_THREAD)]},
            *(
                {
                    "names": ["ioctl"],
                    "action": "SCMP_ACT_ALLOW",
                    "args": [{"index": 1, "value": value, "op": "SCMP_CMP_EQ"}],
                }
                for value in (_TERMINAL_ATTRIBUTES, _CLOSE_ON_EXEC, _NOT_CLOSE_ON_EXEC)
            ),
        ],
    }


def _masked(flag: int) -> dict[str, Any]:
    return {"index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}
