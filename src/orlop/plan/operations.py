"""The numbers of a plan on the wire: operations, flags, sections, and the layout of an operation.

With `operation_table`, which says what each operation does and what its arguments mean, this is the one contract
between the compiler and the executor. `csrc/operations.h` is generated from both (`python3 -m orlop.plan.c_header`). A
new kernel feature is one more number here, one more row there, and one more function in the executor.

An operation on the wire is 40 bytes, little endian (`ENCODING`): code, flags, fd, at, s0, s1, blob, blob_length, n0,
n1. `fd` and `at` are slot numbers (-1 is none; for `at`, the working directory). `s0` and `s1` are offsets of
NUL-terminated strings in the plan's data area (0 is none: the area starts with a NUL), `blob` is an offset there with
its length.
"""

from __future__ import annotations

ENCODING = "<HHhhIIIIQQ"
OPERATION_SIZE = 40
SLOT_MAX = 256

# Flags of an operation: which failures are no failures.
IGNORE_EEXIST = 1 << 0
IGNORE_ENOENT = 1 << 1
IGNORE_EACCES = 1 << 2  # EACCES and EPERM
BEST_EFFORT = 1 << 3  # any failure becomes a warning to the planner, and the plan goes on
NO_SYMLINKS = 1 << 4  # no component of the path may be a symbolic link
EXCLUSIVE = 1 << 5  # the file must not exist yet

# The sections of a plan.
OUTER = 0  # run by the process that the caller started, in the caller's namespaces
INNER = 1  # run by the process that `clone` made, between clone and execve
CLEANUP = 2  # run by the outer process when an operation failed, and by `cleanup`; a failure in it is a warning
SECTIONS = (OUTER, INNER, CLEANUP)
SECTION_NAMES = ("outer", "inner", "cleanup")

# What `target` does with a path that does not exist (low byte of n1).
TARGET_MUST_EXIST = 0
TARGET_DIRECTORY = 1
TARGET_FILE = 2
TARGET_LIKE_SOURCE = 3  # a directory or a file, as the source in slot (n1 >> 8) is one

# The byte that a template writes the process id of init for, and the one for its start time (clock ticks since boot,
# proc(5) /proc/pid/stat field 22). No control character stands in JSON or in a path that we accept.
TEMPLATE_PID = b"\x01"
TEMPLATE_START_TIME = b"\x02"

# Every operation's number, in the order of `operation_table`. A number is never used again.
CODE = {
    "mkdir": 1,
    "rmdir": 2,
    "unlink": 3,
    "open": 4,
    "close": 5,
    "write": 6,
    "write_slot": 7,
    "write_atomic": 8,
    "verify_device": 9,
    "claim": 10,
    "clone": 20,
    "refork": 21,
    "setns": 22,
    "unshare": 23,
    "pidfd_open": 24,
    "pidfd_send": 25,
    "write_init_proc": 26,
    "write_self_proc": 27,
    "release": 28,
    "await": 29,
    "signal": 30,
    "wait_signal": 31,
    "wait_exec": 32,
    "await_start": 33,
    "connect_start": 34,
    "listen": 35,
    "hook": 36,
    "detach_planner": 37,
    "supervise": 38,
    "cleanup": 39,
    "kill_cgroup": 40,
    "subreaper": 41,
    "kill_init": 42,
    "open_tree": 60,
    "new_mount": 61,
    "target": 62,
    "move_mount": 63,
    "mount_setattr": 64,
    "propagation": 65,
    "pivot_root": 66,
    "mask": 67,
    "readonly": 68,
    "mknod": 69,
    "symlink": 70,
    "copy_tree": 71,
    "inherit_mode": 106,
    "verify_filesystem": 72,
    "chroot": 73,
    "sethostname": 80,
    "setdomainname": 81,
    "sysctl": 82,
    "setsid": 83,
    "console": 84,
    "stdio_owner": 85,
    "rlimit": 86,
    "umask": 87,
    "keyring": 88,
    "identity": 89,
    "bounding_set": 90,
    "capabilities": 91,
    "no_new_privs": 92,
    "seccomp": 93,
    "chdir": 94,
    "lookup_program": 95,
    "close_range": 96,
    "execve": 97,
    "device_filter": 98,
    "connect": 99,
    "loopback": 101,
    "new_network": 107,
    "kill": 102,
    "wait_exit": 103,
    "sigmask": 100,
    "reset_affinity": 104,
    "regain_capabilities": 105,
}
