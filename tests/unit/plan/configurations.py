"""Many valid configurations, whatever their sense: a walk over the configuration space by seeded dice."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from orlop.oci.config import load_config
from orlop.oci.default_spec import default_spec
from orlop.plan.context import SeccompProgram

HOOKS = {
    kind: [{"path": f"/hooks/{kind}", "args": [kind, "x"], "env": ["A=1"], "timeout": 2}]
    for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
}
_AFTER_THE_MOUNTS = ("startContainer", "poststart", "poststop")
MAPPINGS = [{"containerID": 0, "hostID": 100000, "size": 65536}]
_CAPABILITIES = ("CAP_KILL", "CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NET_BIND_SERVICE")
_BIND_OPTIONS = (["rbind"], ["bind", "ro"], ["rbind", "rro"], ["rbind", "rshared"], ["bind", "noexec", "private"])
_MOUNTS: tuple[dict[str, Any], ...] = (
    {"destination": "/t", "type": "tmpfs", "options": ["tmpcopyup", "ro"]},
    {"destination": "/t/below", "type": "tmpfs", "options": ["size=1m", "ro"]},
    {"destination": "/proc/meminfo", "type": "bind", "source": "/lxcfs/meminfo", "options": ["bind"]},
    {"destination": "relative/../path", "type": "none", "source": "of/the/bundle", "options": ["rbind", "nosuid"]},
    {"destination": "/disk", "type": "ext4", "source": "/dev/vda", "options": ["ro", "sync", "data=ordered"]},
)


class Case:
    """One configuration, and what else the compiler is given: the arguments of the fixture `compiled`."""

    __slots__ = ("config", "mode", "request", "seccomp")

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 (a test's dice, repeatable)
        self.mode = dice.choice(["v1", "hybrid", "v2"])
        self.config = _config(dice)
        self.seccomp = SeccompProgram(b"\x06\0\0\0\0\0\xff\x7f", 0) if _one_in(dice, 2) else None
        is_run = _one_in(dice, 2)
        self.request: dict[str, Any] = {
            "is_run": is_run,
            "is_detached": not is_run or _one_in(dice, 2),
            "keep": _one_in(dice, 4),
            "pid_file": "/run/pid" if _one_in(dice, 2) else None,
            "console_socket": "/run/console" if _one_in(dice, 2) else None,
            "pidfd_socket": "/run/pidfd" if _one_in(dice, 4) else None,
            "preserve_fds": dice.randrange(3),
            "no_pivot": _one_in(dice, 4),
            "keyring": _one_in(dice, 2),
            "subreaper": _one_in(dice, 2),
        }


def _one_in(dice: random.Random, number: int) -> bool:
    return dice.randrange(number) == 0


def _config(dice: random.Random) -> dict[str, Any]:
    """Valid, which the validation of the runtime itself confirms: no test asks the compiler for what it never gets."""
    spec = copy.deepcopy(default_spec(rootless=False))
    spec["annotations"] = {"org.example": 'a "quoted" \n value'} if _one_in(dice, 2) else {}
    spec["root"] = {"path": dice.choice(["rootfs", "/srv/rootfs"]), "readonly": _one_in(dice, 2)}
    kinds = _namespaces(spec, dice)
    _process(spec["process"], dice)
    if "uts" not in kinds:
        del spec["hostname"]
    elif _one_in(dice, 2):
        spec["domainname"] = "example.org"
    early = "mount" in kinds
    spec["hooks"] = {kind: HOOKS[kind] for kind in HOOKS if _one_in(dice, 3) and (early or kind in _AFTER_THE_MOUNTS)}
    _linux(spec["linux"], kinds, dice)
    if early:
        _mounts(spec["mounts"], dice)
    else:
        spec["mounts"] = []
        spec["linux"]["maskedPaths"] = spec["linux"]["readonlyPaths"] = []
        spec["root"]["readonly"] = False
        spec["linux"].pop("devices", None)
        spec["linux"].pop("rootfsPropagation", None)
    return load_config(json.dumps(spec)).raw


def _namespaces(spec: dict[str, Any], dice: random.Random) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for kind in ("pid", "network", "ipc", "uts", "cgroup", "time", "user", "mount"):
        if _one_in(dice, 2) if kind in ("time", "user") else not _one_in(dice, 8):
            kinds[kind] = f"/proc/7/ns/{kind}" if _one_in(dice, 5) else ""
    if kinds.get("user") == "" and kinds.get("mount"):
        kinds["user"] = "/proc/7/ns/user"  # a new one has no rights in a joined mount namespace: refused
    order = list(kinds)
    dice.shuffle(order)
    linux = spec["linux"]
    linux["namespaces"] = [{"type": kind, **({"path": kinds[kind]} if kinds[kind] else {})} for kind in order]
    if kinds.get("user") == "":
        linux["uidMappings"] = linux["gidMappings"] = MAPPINGS
    if kinds.get("time") == "" and _one_in(dice, 2):
        linux["timeOffsets"] = {"monotonic": {"secs": -1}, "boottime": {"secs": 5, "nanosecs": 6}}
    return kinds


def _process(process: dict[str, Any], dice: random.Random) -> None:
    process["terminal"] = _one_in(dice, 3)
    process["noNewPrivileges"] = _one_in(dice, 2)
    process["cwd"] = dice.choice(["/", "/work"])
    process["args"] = dice.choice([["true"], ["/bin/sh", "-c", "echo ü"]])
    process["user"] = {"uid": dice.randrange(2), "gid": dice.randrange(2), "additionalGids": [5] * dice.randrange(2)}
    names = ("bounding", "permitted", "inheritable", "effective", "ambient")
    process["capabilities"] = {name: [one for one in _CAPABILITIES if _one_in(dice, 2)] for name in names}
    if _one_in(dice, 3):
        process["oomScoreAdj"] = dice.randrange(-1000, 1001)


def _linux(linux: dict[str, Any], kinds: dict[str, str], dice: random.Random) -> None:
    linux["rootfsPropagation"] = dice.choice(["", "shared", "rprivate", "slave", "unbindable"])
    if _one_in(dice, 3):
        linux["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "uid": 1, "gid": 1}]
    if _one_in(dice, 3) and "network" in kinds:
        linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    if _one_in(dice, 2):
        linux["resources"] = {
            "memory": {"limit": 1 << 26},
            "cpu": {"shares": 512, "quota": 1000, "period": 2000},
            "pids": {"limit": 10},
            "devices": [{"allow": _one_in(dice, 2), "access": "rwm"}],
        }


def _mounts(mounts: list[dict[str, Any]], dice: random.Random) -> None:
    if _one_in(dice, 8):
        mounts[:] = [one for one in mounts if one["type"] != "cgroup"]
    if _one_in(dice, 8):
        mounts[:] = [one for one in mounts if not one["destination"].startswith("/dev")]
        mounts.append({"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind"]})
    if _one_in(dice, 2):
        options = dice.choice(_BIND_OPTIONS)
        mounts.append({"destination": "/data", "type": "bind", "source": "/srv", "options": options})
    mounts.extend(copy.deepcopy(mount) for mount in _MOUNTS if _one_in(dice, 4))
