"""Values that the specification defines, in words: namespaces, capabilities, limits, mount options, file systems."""

from __future__ import annotations

# What a container has with a namespace of its own, and what it shares with the host without.
NAMESPACE_WORDS = {
    "pid": (
        "process numbers of its own; its first process is pid 1 and sees only the container's processes",
        "it sees every process of the host, and may signal those of its user",
    ),
    "network": (
        "interfaces, addresses, ports and firewall rules of its own; a new one has only the loopback interface",
        "it has the host's interfaces and addresses, and reaches what listens on the host's localhost",
    ),
    "mount": (
        "a file tree of its own; what is mounted inside is not seen outside",
        "it is only moved to another root directory by chroot, in the host's mount tree",
    ),
    "ipc": (
        "System V shared memory and POSIX message queues of its own",
        "it shares System V shared memory and POSIX message queues with the host",
    ),
    "uts": (
        "a host name of its own",
        "it has the host's name, and with CAP_SYS_ADMIN could change it",
    ),
    "user": (
        "user ids of its own: root inside is an ordinary user outside",
        "user ids are the host's: root inside is root outside, less what capabilities and seccomp take",
    ),
    "cgroup": (
        "it sees its own cgroup as the root of the hierarchy",
        "it sees the path of its cgroup on the host",
    ),
    "time": (
        "monotonic and boot clocks with offsets of its own",
        "its uptime is the host's",
    ),
}

CAPABILITY_WORDS = {
    "CAP_CHOWN": "give files to any user",
    "CAP_DAC_OVERRIDE": "read, write and execute files whatever their permissions say",
    "CAP_DAC_READ_SEARCH": "read files and search directories whatever their permissions say; open files by handle",
    "CAP_FOWNER": "change the mode and attributes of files of any user",
    "CAP_FSETID": "keep setuid and setgid bits when a file changes",
    "CAP_KILL": "signal processes of any user",
    "CAP_SETGID": "take any group id",
    "CAP_SETUID": "take any user id",
    "CAP_SETPCAP": "change its capability sets within the bounding set",
    "CAP_LINUX_IMMUTABLE": "set and clear the immutable and append-only flags",
    "CAP_NET_BIND_SERVICE": "listen on ports below 1024",
    "CAP_NET_BROADCAST": "broadcast, and listen to multicasts",
    "CAP_NET_ADMIN": "configure interfaces, routes and firewalls of its network namespace",
    "CAP_NET_RAW": "send and read raw packets, and so forge them",
    "CAP_IPC_LOCK": "lock memory",
    "CAP_IPC_OWNER": "use System V IPC objects whatever their permissions say",
    "CAP_SYS_MODULE": "load kernel modules: that is full control of the host",
    "CAP_SYS_RAWIO": "access I/O ports and memory of the machine: that is full control of the host",
    "CAP_SYS_CHROOT": "use chroot, and join mount namespaces",
    "CAP_SYS_PTRACE": "trace processes of any user, and read their memory",
    "CAP_SYS_PACCT": "turn process accounting on and off",
    "CAP_SYS_ADMIN": "mount file systems and very much more: close to being root on the host",
    "CAP_SYS_BOOT": "reboot, and load another kernel",
    "CAP_SYS_NICE": "raise priorities, and set scheduling and CPU binding of any process",
    "CAP_SYS_RESOURCE": "raise resource limits, and go beyond quotas",
    "CAP_SYS_TIME": "set the system's clock, which the host shares",
    "CAP_SYS_TTY_CONFIG": "configure terminals, and hang them up",
    "CAP_MKNOD": "make device nodes",
    "CAP_LEASE": "take leases on any file",
    "CAP_AUDIT_WRITE": "write records to the kernel's audit log",
    "CAP_AUDIT_CONTROL": "turn auditing on and off, and change its rules",
    "CAP_SETFCAP": "give capabilities to files",
    "CAP_MAC_OVERRIDE": "override a mandatory access control (Smack)",
    "CAP_MAC_ADMIN": "change a mandatory access control",
    "CAP_SYSLOG": "read the kernel's log and addresses",
    "CAP_WAKE_ALARM": "set timers that wake the machine up",
    "CAP_BLOCK_SUSPEND": "keep the machine from sleeping",
    "CAP_AUDIT_READ": "read the audit log",
    "CAP_PERFMON": "observe the performance of the whole machine",
    "CAP_BPF": "load BPF programs into the kernel",
    "CAP_CHECKPOINT_RESTORE": "checkpoint and restore processes, and choose their pids",
}

# Those with which a process that finds one more gap can take the host.
STRONG_CAPABILITIES = frozenset(
    ("CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_SYS_BOOT",
     "CAP_BPF", "CAP_NET_ADMIN", "CAP_SYS_TIME", "CAP_MAC_ADMIN", "CAP_MKNOD")
)  # fmt: skip

RLIMIT_WORDS = {
    "RLIMIT_CPU": "seconds of CPU time",
    "RLIMIT_FSIZE": "bytes of a file that it writes",
    "RLIMIT_DATA": "bytes of heap and data",
    "RLIMIT_STACK": "bytes of stack",
    "RLIMIT_CORE": "bytes of a core dump",
    "RLIMIT_RSS": "no effect in today's kernels",
    "RLIMIT_NPROC": "processes of its user, in all of the user namespace",
    "RLIMIT_NOFILE": "open files",
    "RLIMIT_MEMLOCK": "bytes of locked memory",
    "RLIMIT_AS": "bytes of address space",
    "RLIMIT_LOCKS": "no effect in today's kernels",
    "RLIMIT_SIGPENDING": "queued signals of its user",
    "RLIMIT_MSGQUEUE": "bytes in POSIX message queues of its user",
    "RLIMIT_NICE": "how far nice values may be lowered (20 minus the value)",
    "RLIMIT_RTPRIO": "realtime priority",
    "RLIMIT_RTTIME": "microseconds of realtime CPU time without a pause",
}

MOUNT_OPTION_WORDS = {
    "ro": "nothing can be written",
    "nosuid": "setuid bits and file capabilities have no effect",
    "nodev": "device nodes do not work",
    "noexec": "nothing can be executed",
    "nosymfollow": "symbolic links are not followed",
}

FILE_SYSTEM_WORDS = {
    "proc": "The kernel's view of the processes of this pid namespace, and its settings under /proc/sys.",
    "sysfs": "The kernel's view of devices and drivers; network devices are those of the network namespace.",
    "tmpfs": "Files in memory, empty at the start and gone with the container.",
    "devpts": "Pseudoterminals of the container's own.",
    "mqueue": "POSIX message queues of this ipc namespace.",
    "cgroup": "The container's own cgroup; with a cgroup namespace it looks like the root.",
    "cgroup2": "The cgroups that this cgroup namespace shows.",
    "overlay": "Layers put over each other; what is written goes to the upper one.",
    "bpf": "Pinned BPF objects.",
    "debugfs": "Internals of the kernel: not made to be secure.",
    "tracefs": "The kernel's tracing.",
    "securityfs": "Security modules of the kernel.",
}

SECCOMP_ACTION_WORDS = {
    "SCMP_ACT_KILL": "the thread is killed",
    "SCMP_ACT_KILL_THREAD": "the thread is killed",
    "SCMP_ACT_KILL_PROCESS": "the process is killed",
    "SCMP_ACT_TRAP": "the process gets SIGSYS",
    "SCMP_ACT_ERRNO": "the call fails with an errno",
    "SCMP_ACT_TRACE": "a tracer decides, or the call fails with ENOSYS",
    "SCMP_ACT_LOG": "the call is logged and allowed",
    "SCMP_ACT_ALLOW": "the call is allowed",
}
