"""A compiler's input without a host: a default configuration, three cgroup layouts, and the request to run it."""

from __future__ import annotations

import copy
import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orlop.oci.container_id import parse_container_id
from orlop.oci.default_spec import default_spec
from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.plan.context import CreateRequest, HostFacts
from orlop.plan.create import compile_create
from orlop.plan.simulator import describe_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Plan
    from orlop.plan.context import SeccompProgram

_ALL_CAPABILITIES = (1 << 41) - 1


@pytest.fixture
def config() -> dict[str, Any]:
    """The configuration of `orun spec`, without a terminal."""
    spec = copy.deepcopy(default_spec(rootless=False))
    spec["process"]["terminal"] = False
    spec["process"]["args"] = ["true"]
    return spec


def place(mode: str) -> CgroupPlacement:
    """Where a container `web` goes on a host of this cgroup mode, nothing made yet."""
    root = "/sys/fs/cgroup"
    if mode == "v2":
        controllers = ("cpuset", "cpu", "io", "memory", "pids")
        return CgroupPlacement(mode, [CgroupDirectory("", controllers, f"{root}/web", [f"{root}/web"])])
    directories = [
        CgroupDirectory("cpu,cpuacct", ("cpu", "cpuacct"), f"{root}/cpu,cpuacct/web", [f"{root}/cpu,cpuacct/web"]),
        CgroupDirectory(
            "cpuset", ("cpuset",), f"{root}/cpuset/web", [f"{root}/cpuset/web"], parent_cpus="0-1", parent_mems="0"
        ),
        *(
            CgroupDirectory(name, (name,), f"{root}/{name}/web", [f"{root}/{name}/web"])
            for name in ("memory", "devices", "freezer", "pids")
        ),
        CgroupDirectory("name=systemd", (), f"{root}/systemd/web", [f"{root}/systemd/web"]),
    ]
    if mode == "hybrid":
        directories.append(CgroupDirectory("", (), f"{root}/unified/web", [f"{root}/unified/web"]))
    return CgroupPlacement(mode, directories)


@pytest.fixture
def placement() -> Callable[[str], CgroupPlacement]:
    """`place`, for tests."""
    return place


@pytest.fixture
def compiled() -> Callable[..., Plan]:
    """Compile a configuration: `compiled(config, mode=..., seccomp=..., **what a CreateRequest takes)`."""

    def run(
        config: dict[str, Any], *, mode: str = "hybrid", seccomp: SeccompProgram | None = None, **request: Any
    ) -> Plan:
        facts = HostFacts(cgroups=place(mode), capability_mask=_ALL_CAPABILITIES, seccomp=seccomp, home="/root")
        return compile_create(
            config,
            facts,
            CreateRequest(
                **{
                    "container_id": parse_container_id("web"),
                    "bundle": "/bundle",
                    "state_directory": "/run/orun/web",
                    "state_template": b'{"pid":\x01,"startTime":\x02}',
                    "config_data": b"{}",
                    "is_run": True,
                    "is_detached": False,
                    **request,
                }
            ),
        )

    return run


@pytest.fixture
def matches_golden() -> Callable[[Plan, str], None]:
    """Hold a plan to golden/NAME.txt. ORLOP_WRITE_GOLDEN=1 writes the files anew: read the difference then."""

    def check(plan: Plan, name: str) -> None:
        path = Path(__file__).parent / "golden" / f"{name}.txt"
        text = describe_plan(plan)
        if os.environ.get("ORLOP_WRITE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        wanted = path.read_text(encoding="utf-8")
        difference = "\n".join(difflib.unified_diff(wanted.splitlines(), text.splitlines(), "golden", "compiled", n=2))
        assert not difference, f"{difference}\nif it is meant: ORLOP_WRITE_GOLDEN=1 pytest tests/unit/plan"

    return check
