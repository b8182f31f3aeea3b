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
        "state_template": b'{"pid":\x01,"startTime":\x02}',
        "is_run": True,
        "is_detached": False,
        **request,
    }
    return compile_create(config, facts, CreateRequest(**arguments))
