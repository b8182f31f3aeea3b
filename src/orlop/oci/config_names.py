"""The words that the runtime spec defines for values: capabilities, limits, namespaces, actions, options."""

from __future__ import annotations

OCI_VERSION = "1.3.0"  # the newest version of the spec that we know

# In the order of their numbers (linux/capability.h).
CAPABILITY_NAMES = tuple(
    f"CAP_{name}"
    for name in (
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    )
)  # fmt: skip

# In the order of their numbers (asm-generic/resource.h).
RLIMIT_NAMES = tuple(
    f"RLIMIT_{name}"
    for name in (
        "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING",
        "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
    )
)  # fmt: skip

NAMESPACE_TYPES = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
HOOK_KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
PROPAGATIONS = ("slave", "rslave", "private", "rprivate", "shared", "rshared", "unbindable", "runbindable")
DEVICE_TYPES = ("c", "b", "u", "p")

# Mount options with a meaning of their own (config.md, "Linux mount options"); any other is the file system's.
# What each one does is in linux/mount_options.py; a test holds the two together.
MOUNT_ATTRIBUTE_OPTIONS = (
    "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "nodiratime", "diratime", "nosymfollow",
    "symfollow", "relatime", "norelatime", "noatime", "atime", "strictatime", "nostrictatime",
)  # fmt: skip
MOUNT_OPTIONS = frozenset(
    (
        *MOUNT_ATTRIBUTE_OPTIONS,
        *(f"r{name}" for name in MOUNT_ATTRIBUTE_OPTIONS),
        *PROPAGATIONS,
        "bind", "rbind", "defaults", "sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand", "silent",
        "loud", "iversion", "noiversion", "tmpcopyup",
    )
)  # fmt: skip

SECCOMP_ACTIONS = (
    "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG",
)  # fmt: skip
SECCOMP_OPERATORS = (
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
)  # fmt: skip
SECCOMP_ARCHITECTURES = tuple(
    f"SCMP_ARCH_{name}"
    for name in (
        "X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32",
        "PPC", "PPC64", "PPC64LE", "S390", "S390X", "PARISC", "PARISC64", "RISCV64", "LOONGARCH64", "M68K", "SH",
        "SHEB",
    )
)  # fmt: skip
SECCOMP_FLAGS = ("SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW")
