"""Plans for the tests of this layer: compiled by the compiler itself, on a host that is made up."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from orlop.oci.config import load_config
from orlop.oci.container_id import parse_container_id
from orlop.oci.default_spec import default_spec
from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.plan.context import CreateRequest, HostFacts, SeccompProgram
from orlop.plan.create import compile_create

if TYPE_CHECKING:
    from orlop.plan.builder import Plan

FILTER = SeccompProgram(b"\x06\0\0\0\0\0\xff\x7f" * 3, 0)


def default_config() -> dict[str, Any]:
    """The configuration of `orun spec`."""
    return copy.deepcopy(default_spec(rootless=False))


def full_config() -> dict[str, Any]:
    """A configuration with everything in it that cgroup v1 and v2 both take."""
    config = default_config()
    config["process"] |= {
        "user": {"uid": 1000, "gid": 1000, "umask": 0o077, "additionalGids": [5]},
        "consoleSize": {"height": 24, "width": 80},
        "oomScoreAdj": 100,
        "env": ["PATH=/bin", "PASSWORD=secret"],
        "args": ["sh", "-c", "echo a b"],
    }
    config["root"]["path"] = "/srv/rootfs"
    config["domainname"] = "example.org"
    config["annotations"] = {"org.example": "x"}
    config["mounts"] += [
        {"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind", "rro"]},
        {"destination": "/work", "type": "none", "source": "work", "options": ["bind"]},
        {"destination": "/disk", "type": "ext4", "source": "/dev/vda", "options": ["ro"]},
    ]
    config["hooks"] = {
        kind: [{"path": f"/hooks/{kind}", "args": [kind, "x"], "env": ["A=1"], "timeout": 2}]
        for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    }
    linux = config["linux"]
    linux["namespaces"] = [
        *(one for one in linux["namespaces"] if one["type"] != "ipc"),
        {"type": "user"},
        {"type": "time"},
        {"type": "ipc", "path": "/proc/7/ns/ipc"},
    ]
    linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    linux["timeOffsets"] = {"monotonic": {"secs": 5, "nanosecs": 6}}
    linux["devices"] = [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o600, "uid": 1, "gid": 1}
    ]
    linux["cgroupsPath"] = "/pod/web"
    linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    linux["rootfsPropagation"] = "rprivate"
    linux["resources"] = {
        "memory": {"limit": 1 << 26, "reservation": 1 << 25, "swap": 1 << 27},
        "cpu": {"shares": 512, "quota": 1000, "burst": 500, "period": 2000, "cpus": "0", "mems": "0", "idle": 0},
        "pids": {"limit": 10},
        "devices": [
            {"allow": False, "access": "rwm"},
            {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"},
        ],
    }
    linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [
            {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
            {
                "names": ["personality"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}],
            },
        ],
    }
    return config


def checked(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration as the runtime loads it."""
    return load_config(json.dumps(config)).raw


def placement(mode: str = "v2") -> CgroupPlacement:
    """Where a container `web` goes, nothing made yet."""
    root = "/sys/fs/cgroup"
    if mode == "v2":
        controllers = ("cpuset", "cpu", "io", "memory", "pids")
        return CgroupPlacement(mode, [CgroupDirectory("", controllers, f"{root}/web", [f"{root}/web"])])
    names = ("cpu", "cpuset", "memory", "devices", "pids")
    return CgroupPlacement(
        mode, [CgroupDirectory(name, (name,), f"{root}/{name}/web", [f"{root}/{name}/web"]) for name in names]
    )


def compiled(
    config: dict[str, Any], *, mode: str = "v2", mask: int = (1 << 41) - 1, bundle: str = "/bundle", **request: Any
) -> Plan:
    """The plan of a foreground `run` of a valid configuration; `request` replaces what the caller asked for."""
    facts = HostFacts(
        cgroups=placement(mode),
        capability_mask=mask,
        seccomp=FILTER if config.get("linux", {}).get("seccomp") else None,
        home="/root",
    )
    arguments = {
        "container_id": parse_container_id("web"),
        "bundle": bundle,
        "state_directory": "/run/orun/web",
        "config_data": b"{}",
        "state_template": b'{"pid":\x01,"startTime":\x02}',
        "is_run": True,
        "is_detached": False,
        **request,
    }
    return compile_create(config, facts, CreateRequest(**arguments))
