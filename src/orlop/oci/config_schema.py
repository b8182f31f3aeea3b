"""The schema of config.json on Linux: every property of the runtime spec 1.3, and the type of its value.

What depends on several fields at once is in `config_rules`.
"""

from __future__ import annotations

from orlop.oci.config_names import (
    DEVICE_TYPES,
    HOOK_KINDS,
    NAMESPACE_TYPES,
    PROPAGATIONS,
    RLIMIT_NAMES,
    SECCOMP_ACTIONS,
    SECCOMP_ARCHITECTURES,
    SECCOMP_FLAGS,
    SECCOMP_OPERATORS,
)
from orlop.oci.field_checks import (
    absolute_path,
    array,
    boolean,
    ignored,
    integer,
    mapping,
    not_yet,
    not_yet_by_name,
    one_of,
    path_or_empty,
    record,
    text,
)

_U16 = integer(0, (1 << 16) - 1)
_U32 = integer(0, (1 << 32) - 1)
_U64 = integer(0, (1 << 64) - 1)
_I64 = integer(-(1 << 63), (1 << 63) - 1)
_BYTES = integer(-1, (1 << 63) - 1)  # -1: no limit
_DEVICE_NUMBER = integer(-1, (1 << 32) - 1)  # -1: all of them
_ID = integer(0, (1 << 32) - 2)  # 2^32 - 1 means "no change" to the kernel: CVE-2024-40635
_TEXT = text()
_NAME = text(empty=False)
_TEXTS = array(_TEXT)
_CAPABILITIES = array(_NAME)  # an unknown one is a warning, not an error (config.md, "Linux Process")
_ERRNO = integer(0, 4095)

PROCESS = record(
    {
        "terminal": boolean,
        "consoleSize": record({"height": _U16, "width": _U16}, ("height", "width")),
        "cwd": absolute_path,
        "env": _TEXTS,
        "args": array(_TEXT, empty=False),
        "commandLine": ignored,
        "rlimits": array(
            record(
                {"type": one_of(RLIMIT_NAMES, "resource limit"), "soft": _U64, "hard": _U64}, ("type", "soft", "hard")
            )
        ),
        "apparmorProfile": _TEXT,
        "capabilities": record(
            dict.fromkeys(("effective", "bounding", "inheritable", "permitted", "ambient"), _CAPABILITIES)
        ),
        "noNewPrivileges": boolean,
        "oomScoreAdj": integer(-1000, 1000),
        "scheduler": not_yet,
        "selinuxLabel": not_yet,
        "ioPriority": not_yet,
        "execCPUAffinity": not_yet,
        "user": record(
            {
                "uid": _ID,
                "gid": _ID,
                "umask": integer(0, 0o777),
                "additionalGids": array(_ID),
                "username": ignored,
            }
        ),
    },
    ("args", "cwd"),
)

_HOOK = record({"path": absolute_path, "args": _TEXTS, "env": _TEXTS, "timeout": integer(1, (1 << 31) - 1)}, ("path",))

_MOUNT = record(
    {
        "destination": _NAME,
        "type": _TEXT,
        "source": _TEXT,
        "options": array(_NAME),
        "uidMappings": not_yet,
        "gidMappings": not_yet,
    },
    ("destination",),
)

_ID_MAPPING = record(
    {"containerID": _U32, "hostID": _U32, "size": integer(1, (1 << 32) - 1)}, ("containerID", "hostID", "size")
)

_DEVICE = record(
    {
        "path": absolute_path,
        "type": one_of(DEVICE_TYPES, "device type"),
        "major": integer(0, (1 << 12) - 1),
        "minor": integer(0, (1 << 20) - 1),
        "fileMode": integer(0, 0o177777),
        "uid": _ID,
        "gid": _ID,
    },
    ("path", "type"),
)

_DEVICE_RULE = record(
    {
        "allow": boolean,
        "type": one_of(("a", "c", "b"), "device type", empty=True),
        "major": _DEVICE_NUMBER,
        "minor": _DEVICE_NUMBER,
        "access": _TEXT,
    },
    ("allow",),
)

RESOURCES = record(
    {
        "unified": mapping(_TEXT),
        "devices": array(_DEVICE_RULE),
        "memory": record(
            {
                "limit": _BYTES,
                "reservation": _BYTES,
                "swap": _BYTES,
                "kernel": _BYTES,
                "kernelTCP": _BYTES,
                "swappiness": integer(0, 100),
                "disableOOMKiller": boolean,
                "useHierarchy": boolean,
                "checkBeforeUpdate": boolean,
            }
        ),
        "cpu": record(
            {
                "shares": _U64,
                "quota": _I64,
                "burst": _U64,
                "period": _U64,
                "realtimeRuntime": _I64,
                "realtimePeriod": _U64,
                "cpus": _TEXT,
                "mems": _TEXT,
                "idle": integer(0, 1),
            }
        ),
        "pids": record({"limit": _I64}),
        "blockIO": not_yet,
        "hugepageLimits": array(record({"pageSize": _NAME, "limit": _U64}, ("pageSize", "limit"))),
        "network": not_yet,
        "rdma": not_yet,
    }
)

_SECCOMP = record(
    {
        "defaultAction": one_of((*SECCOMP_ACTIONS, "SCMP_ACT_NOTIFY"), "seccomp action"),
        "defaultErrnoRet": _ERRNO,
        "flags": array(one_of((*SECCOMP_FLAGS, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"), "seccomp flag")),
        "listenerPath": not_yet,
        "listenerMetadata": not_yet,
        "architectures": array(one_of(SECCOMP_ARCHITECTURES, "seccomp architecture")),
        "syscalls": array(
            record(
                {
                    "names": array(_NAME, empty=False),
                    "action": one_of((*SECCOMP_ACTIONS, "SCMP_ACT_NOTIFY"), "seccomp action"),
                    "errnoRet": _ERRNO,
                    "args": array(
                        record(
                            {
                                "index": integer(0, 5),
                                "value": _U64,
                                "valueTwo": _U64,
                                "op": one_of(SECCOMP_OPERATORS, "seccomp operator"),
                            },
                            ("index", "value", "op"),
                        )
                    ),
                },
                ("names", "action"),
            )
        ),
    },
    ("defaultAction",),
)

_LINUX = record(
    {
        "namespaces": array(
            record({"type": one_of(NAMESPACE_TYPES, "namespace type"), "path": path_or_empty}, ("type",))
        ),
        "uidMappings": array(_ID_MAPPING),
        "gidMappings": array(_ID_MAPPING),
        "timeOffsets": mapping(record({"secs": _I64, "nanosecs": integer(0, 999_999_999)})),
        "devices": array(_DEVICE),
        "netDevices": not_yet_by_name,
        "cgroupsPath": _TEXT,
        "resources": RESOURCES,
        "intelRdt": not_yet,
        "memoryPolicy": not_yet,
        "sysctl": mapping(_TEXT),
        "seccomp": _SECCOMP,
        "rootfsPropagation": one_of(PROPAGATIONS, "propagation mode", empty=True),
        "maskedPaths": array(absolute_path),
        "readonlyPaths": array(absolute_path),
        "mountLabel": not_yet,
        "personality": not_yet,
    }
)

CONFIG = record(
    {
        "ociVersion": _NAME,
        "process": PROCESS,
        "root": record({"path": _NAME, "readonly": boolean}, ("path",)),
        "hostname": _TEXT,
        "domainname": _TEXT,
        "mounts": array(_MOUNT),
        "hooks": record(dict.fromkeys(HOOK_KINDS, array(_HOOK))),
        "annotations": mapping(_TEXT),
        "linux": _LINUX,
        # Sections for other platforms, which a runtime on Linux need not look at (config.md, "Platform-specific").
        "solaris": ignored,
        "windows": ignored,
        "vm": ignored,
        "zos": ignored,
        "freebsd": ignored,
    },
    ("ociVersion", "root"),
)
