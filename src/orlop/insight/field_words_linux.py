"""The fields below `linux` in words; `orlop.insight.field_words` has the others, and what the keys are."""

from __future__ import annotations

from orlop.insight.field_role import EACH, ENTRY, GROUP, NOTHING, PART, FieldWords, unsupported

_CGROUP = "cgroup file"


def _limit(words: str) -> FieldWords:
    return FieldWords(ENTRY, _CGROUP, words)


def _id_mappings(kind: str) -> dict[str, FieldWords]:
    path = f"linux.{kind[0]}idMappings"
    return {
        path: FieldWords(ENTRY, "user namespace", f"Which {kind} ids of the host the ids inside stand for."),
        f"{path}.containerID": FieldWords(PART, "", "The first id inside."),
        f"{path}.hostID": FieldWords(PART, "", "The first id on the host."),
        f"{path}.size": FieldWords(PART, "", "How many, from these on."),
    }


LINUX_WORDS: dict[str, FieldWords] = {
    "linux": FieldWords(GROUP, "", "What only Linux has."),
    "linux.namespaces": FieldWords(
        ENTRY, "namespaces", "What the container has a view of its own of. What is not listed, it shares with the host."
    ),
    "linux.namespaces.type": FieldWords(PART, "", "The kind of namespace."),
    "linux.namespaces.path": FieldWords(PART, "", "A namespace to join; without it a new one is made."),
    **_id_mappings("user"),
    **_id_mappings("group"),
    "linux.timeOffsets": FieldWords(ENTRY, "time namespace", "How far the clocks inside are from the host's."),
    "linux.timeOffsets.secs": FieldWords(PART, "", "Seconds."),
    "linux.timeOffsets.nanosecs": FieldWords(PART, "", "Nanoseconds, added to them."),
    "linux.devices": FieldWords(
        EACH, "device node", "Names in /dev for drivers of the kernel. Every container has null, zero, full, random,"
        " urandom and tty, and a few links. linux.resources.devices decides what can be opened.",
    ),
    "linux.devices.path": FieldWords(PART, "", "Where the node is made."),
    "linux.devices.type": FieldWords(PART, "", "c (or u) for a character device, b for a block device, p for a pipe."),
    "linux.devices.major": FieldWords(PART, "", "The driver's number."),
    "linux.devices.minor": FieldWords(PART, "", "The device's number in that driver."),
    "linux.devices.fileMode": FieldWords(PART, "", "Its permissions, as a decimal number."),
    "linux.devices.uid": FieldWords(PART, "", "Its owner."),
    "linux.devices.gid": FieldWords(PART, "", "Its group."),
    "linux.netDevices": unsupported("Network devices of the host to move into the container."),
    "linux.cgroupsPath": FieldWords(
        ENTRY, "cgroup", "The cgroup: the kernel counts and limits what its processes use together."
        " Without this field it is named after the container.",
    ),
    # -- limits -------------------------------------------------------------------------------------------------------
    "linux.resources": FieldWords(GROUP, "", "What the container's processes may use, all together."),
    "linux.resources.unified": _limit("Files of cgroup v2, written as they are."),
    "linux.resources.devices": FieldWords(
        ENTRY, "device cgroup", "Which devices may be opened and made; the last rule that matches counts. Those for the"
        " default devices come last.",
    ),
    "linux.resources.devices.allow": FieldWords(PART, "", "Whether the rule allows or denies."),
    "linux.resources.devices.type": FieldWords(PART, "", "c, b, or a for all devices."),
    "linux.resources.devices.major": FieldWords(PART, "", "The driver's number; -1 or none: all."),
    "linux.resources.devices.minor": FieldWords(PART, "", "The device's number; -1 or none: all."),
    "linux.resources.devices.access": FieldWords(PART, "", "r to read, w to write, m to make a node."),
    "linux.resources.memory": FieldWords(GROUP, "", "Memory."),
    "linux.resources.memory.limit": _limit("Bytes of memory. Beyond it the kernel reclaims, and then kills."),
    "linux.resources.memory.reservation": _limit("Bytes that the kernel leaves the container when memory is short."),
    "linux.resources.memory.swap": _limit("Bytes of memory and swap together."),
    "linux.resources.memory.kernel": FieldWords(ENTRY, NOTHING, "A limit that kernels no longer have: no effect."),
    "linux.resources.memory.kernelTCP": _limit("For TCP buffers (cgroup v1)."),
    "linux.resources.memory.swappiness": _limit("How gladly the kernel swaps, 0 to 100 (cgroup v1)."),
    "linux.resources.memory.disableOOMKiller": _limit(
        "With true processes stop at the limit instead of being killed (cgroup v1)."
    ),
    "linux.resources.memory.useHierarchy": FieldWords(ENTRY, NOTHING, "What kernels always do now: no effect."),
    "linux.resources.memory.checkBeforeUpdate": FieldWords(
        ENTRY, NOTHING, "For `update`: refuse a limit below what is in use."
    ),
    "linux.resources.cpu": FieldWords(GROUP, "", "Processor time."),
    "linux.resources.cpu.shares": _limit("A weight: when CPUs are busy, time is shared in proportion (1024 is usual)."),
    "linux.resources.cpu.quota": _limit("Microseconds of CPU time in each period; beyond it the container waits."),
    "linux.resources.cpu.burst": _limit("Microseconds that may be saved up from quiet periods."),
    "linux.resources.cpu.period": _limit("The period of the quota, in microseconds."),
    "linux.resources.cpu.realtimeRuntime": _limit("Microseconds of realtime scheduling in each period (cgroup v1)."),
    "linux.resources.cpu.realtimePeriod": _limit("That period, in microseconds (cgroup v1)."),
    "linux.resources.cpu.cpus": _limit("Which CPUs may be used, such as 0-3."),
    "linux.resources.cpu.mems": _limit("Which memory nodes may be used."),
    "linux.resources.cpu.idle": _limit("With 1 it runs only when nothing else wants the CPU."),
    "linux.resources.pids": FieldWords(GROUP, "", "The number of processes."),
    "linux.resources.pids.limit": _limit("How many processes and threads there may be: what stops a fork bomb."),
    "linux.resources.blockIO": unsupported("Weights and limits of block devices."),
    "linux.resources.hugepageLimits": FieldWords(
        EACH, "cgroup file", "How much memory in pages of one larger size the container may use and reserve."
    ),
    "linux.resources.hugepageLimits.pageSize": FieldWords(PART, "", "Which size of pages, such as 2MB."),
    "linux.resources.hugepageLimits.limit": FieldWords(PART, "", "The limit, in bytes."),
    "linux.resources.network": unsupported("Classes and priorities of network traffic."),
    "linux.resources.rdma": unsupported("Limits of RDMA devices."),
    "linux.intelRdt": unsupported("Shares of the processor's cache and memory bandwidth."),
    "linux.memoryPolicy": unsupported("The NUMA policy of the process."),
    # -- the kernel's own surface -------------------------------------------------------------------------------------
    "linux.sysctl": FieldWords(
        ENTRY, "/proc/sys", "Parameters of the kernel that belong to one of the container's namespaces."
    ),
    "linux.seccomp": FieldWords(
        ENTRY, "seccomp filter", "Which system calls the process may make: a filter that the kernel asks before each."
    ),
    "linux.seccomp.defaultAction": FieldWords(PART, "", "What happens to a call that no rule is about."),
    "linux.seccomp.defaultErrnoRet": FieldWords(PART, "", "The errno for it."),
    "linux.seccomp.flags": FieldWords(PART, "", "Flags of seccomp(2)."),
    "linux.seccomp.listenerPath": FieldWords(PART, "", "For SCMP_ACT_NOTIFY, which this version of orun refuses."),
    "linux.seccomp.listenerMetadata": FieldWords(PART, "", "The same."),
    "linux.seccomp.architectures": FieldWords(PART, "", "The system call tables that it is for; others are killed."),
    "linux.seccomp.syscalls": FieldWords(PART, "", "The rules."),
    "linux.seccomp.syscalls.names": FieldWords(PART, "", "The calls that a rule is about."),
    "linux.seccomp.syscalls.action": FieldWords(PART, "", "What happens to them."),
    "linux.seccomp.syscalls.errnoRet": FieldWords(PART, "", "The errno that they get."),
    "linux.seccomp.syscalls.args": FieldWords(PART, "", "The rule counts only if all these conditions hold."),
    "linux.seccomp.syscalls.args.index": FieldWords(PART, "", "Which argument of the call."),
    "linux.seccomp.syscalls.args.value": FieldWords(PART, "", "What it is compared with."),
    "linux.seccomp.syscalls.args.valueTwo": FieldWords(PART, "", "With SCMP_CMP_MASKED_EQ: what must be left of it."),
    "linux.seccomp.syscalls.args.op": FieldWords(PART, "", "How it is compared."),
    "linux.rootfsPropagation": FieldWords(
        ENTRY, "mount propagation", "Whether mounts made inside show up on the host, and the host's inside."
        " Without this field the host's come in, and none goes out.",
    ),
    "linux.maskedPaths": FieldWords(ENTRY, "mounts", "Paths that are covered, because they tell or do too much."),
    "linux.readonlyPaths": FieldWords(ENTRY, "read-only mounts", "Paths that can be read and not written."),
    "linux.mountLabel": unsupported("The SELinux label of the mounts."),
    "linux.personality": unsupported("The execution domain of the process."),
}  # fmt: skip
