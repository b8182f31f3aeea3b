"""Configurations by seeded dice: each field takes one of several values that mean different things, or is not there."""

from __future__ import annotations

import copy
import random
from typing import Any

_BIND = {"destination": "/data", "type": "bind", "source": "/srv"}
_TMPFS = {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}
_MOUNTS: list[list[dict[str, Any]]] = [
    [],
    [{**_BIND, "options": ["bind"]}],
    [{**_BIND, "options": ["bind", "ro"]}],
    [{**_BIND, "options": ["rbind", "rro", "nosuid"]}],
    [{**_BIND, "options": ["bind", "rshared", "nodev"]}],
    [{**_BIND, "options": ["bind"], "source": "/run/docker.sock"}],
    [{**_BIND, "options": ["bind"], "source": "/"}, _TMPFS],
    [_TMPFS, {**_BIND, "options": ["bind"], "source": "/"}],
    [{**_BIND, "type": "tmpfs", "options": ["size=1m"]}],
    [{**_TMPFS, "options": ["size=1m", "noexec"]}, {**_TMPFS, "options": ["size=2m"]}],
    [{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]}],
    [{"destination": "/sys", "type": "sysfs", "source": "sysfs"}, {"destination": "/k", "type": "debugfs"}],
    [{"destination": "/disk", "type": "ext4", "source": "/dev/vda"}],
]
_FULL_ID = [{"containerID": 0, "hostID": 0, "size": 10}]
_SHIFTED = [{"containerID": 0, "hostID": 1000, "size": 10}, {"containerID": 10, "hostID": 5000, "size": 10}]
_ALLOW = "SCMP_ACT_ALLOW"
_WHEN = [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]
_DEVICE = {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}
_HOOK = {"path": "/hook"}

# Field and its alternatives; None is not to be there.
_FIELDS: dict[str, list[Any]] = {
    "process.user.uid": [None, 1, 2],
    "process.user.gid": [None, 1],
    "process.user.additionalGids": [None, [5], [5, 6], [7]],
    "process.user.umask": [None, 0, 0o077, 0o100],
    "process.capabilities.bounding": [None, ["CAP_KILL"], ["CAP_KILL", "CAP_SYS_ADMIN"], ["CAP_CHOWN"]],
    "process.capabilities.ambient": [None, ["CAP_KILL"]],
    "process.noNewPrivileges": [None, True],
    "process.oomScoreAdj": [None, 0, 100, -100],
    "process.rlimits": [
        None,
        [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
        [{"type": "RLIMIT_CORE", "soft": 0, "hard": 1}, {"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}],
        [{"type": "RLIMIT_NOFILE", "soft": 2, "hard": 2}],
        [{"type": "RLIMIT_NOFILE", "soft": 0, "hard": 3}],
    ],
    "process.terminal": [None, True],
    "process.args": [["sh"], ["sh", "-c", "true"]],
    "process.env": [None, ["A=1"], ["A=2", "B="]],
    "process.cwd": ["/", "/work"],
    "root.path": ["rootfs", "/srv/rootfs"],
    "root.readonly": [None, True],
    "annotations": [None, {"a": "b"}],
    "mounts": _MOUNTS,
    "hooks.prestart": [
        None,
        [_HOOK],
        [{**_HOOK, "timeout": 2}],
        [{"path": "/other"}, _HOOK],
        [_HOOK, {"path": "/other"}],
    ],
    "hooks.startContainer": [None, [_HOOK]],
    "linux.devices": [None, [_DEVICE], [{**_DEVICE, "uid": 1}]],
    "linux.cgroupsPath": [None, "/a", "/b"],
    "linux.sysctl": [None, {"net.ipv4.ip_forward": "1"}, {"net.ipv4.ip_forward": "0", "net.core.somaxconn": "1"}],
    "linux.rootfsPropagation": [None, "shared", "private"],
    "linux.maskedPaths": [None, ["/proc/kcore"], ["/proc/kcore", "/proc/keys"]],
    "linux.readonlyPaths": [None, ["/proc/sys"], ["/proc/irq"]],
    "linux.seccomp": [
        None,
        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": _ALLOW}]},
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "syscalls": [{"names": ["read", "write"], "action": _ALLOW, "args": _WHEN}],
        },
        {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86"]},
        {"defaultAction": _ALLOW, "syscalls": [{"names": ["bpf"], "action": "SCMP_ACT_KILL"}]},
        {"defaultAction": _ALLOW, "flags": ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]},
    ],
    "linux.resources.memory.limit": [None, 1 << 20, 1 << 30],
    "linux.resources.memory.disableOOMKiller": [None, True],
    "linux.resources.memory.reservation": [None, 1 << 20],
    "linux.resources.pids.limit": [None, 10, 20],
    "linux.resources.cpu.quota": [None, 1000, 2000],
    "linux.resources.cpu.period": [None, 5000],
    "linux.resources.cpu.burst": [None, 10],
    "linux.resources.cpu.cpus": [None, "0", "0-3", "4,5"],
    "linux.resources.cpu.shares": [None, 512],
    "linux.resources.unified": [
        None,
        {"memory.high": "1"},
        {"memory.high": "max", "cpu.weight": "5"},
        {"io.max": "8:0"},
    ],
    "linux.resources.devices": [
        None,
        [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}],
        [{"allow": True}],
        [{"allow": True}, {"allow": False, "type": "b", "access": "r"}],
    ],
}


def random_configuration(seed: int) -> dict[str, Any]:
    """A valid configuration. Two seeds that choose differently give two that differ in what they mean."""
    dice = random.Random(seed)  # noqa: S311 (a test's dice, repeatable)
    config: dict[str, Any] = {"ociVersion": "1.0.2", "process": {}, "root": {}, "linux": {}}
    _namespaces(config["linux"], dice)
    for field, alternatives in _FIELDS.items():
        value = copy.deepcopy(dice.choice(alternatives) if dice.randrange(2) else alternatives[0])
        if value is None:
            continue
        *above, key = field.split(".")
        place = config
        for name in above:
            place = place.setdefault(name, {})
        place[key] = value
    return config


def _namespaces(linux: dict[str, Any], dice: random.Random) -> None:
    linux["namespaces"] = [{"type": "network"}, {"type": "mount"}]
    for kind in ("pid", "ipc", "uts", "cgroup"):
        path = dice.choice([None, "", f"/proc/1/ns/{kind}", f"/proc/7/ns/{kind}", f"/proc/8/ns/{kind}"])
        if path is not None:
            linux["namespaces"].append({"type": kind, **({"path": path} if path else {})})
    if dice.randrange(2):
        linux["namespaces"].append({"type": "user"})
        linux["uidMappings"] = dice.choice([_FULL_ID, _SHIFTED])
        linux["gidMappings"] = dice.choice([_FULL_ID, _SHIFTED])
