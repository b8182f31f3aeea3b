"""config.json `linux.resources.hugepageLimits`, where this machine has the controller: in the unified hierarchy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .marks import orun_only
from .mount_namespace import CGROUP2_ONLY

if TYPE_CHECKING:
    from .container import Container

_HYBRID = Path("/sys/fs/cgroup/unified")
_UNIFIED = _HYBRID if _HYBRID.exists() else Path("/sys/fs/cgroup")


@pytest.fixture
def limited(container: Container) -> Container:
    """A container that may use one huge page, in a cgroup below the root one, which may delegate controllers."""
    container.config["linux"]["cgroupsPath"] = f"/{container.id}"
    container.config["linux"]["resources"]["hugepageLimits"] = [{"pageSize": "2MB", "limit": 2 << 20}]
    return container


def _limits(container: Container) -> list[str]:
    directory = _UNIFIED / container.id
    return [(directory / f"hugetlb.2MB.{name}").read_text().strip() for name in ("max", "rsvd.max")]


def _stats(container: Container) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(container.runtime.call("events", "--stats", container.id).check().out)["data"]
    return data


@orun_only("runc looks for the controller among those of cgroup v1")
def test_a_limit_on_this_host(limited: Container) -> None:
    limited.run_detached()
    assert _limits(limited) == [str(2 << 20)] * 2
    assert _stats(limited)["hugetlb"]["2MB"] == {"failcnt": 0}


@orun_only("crun 1.8 cannot start on cgroup v2 without CAP_SYS_RESOURCE, and leaves its cgroup; runc passes")
def test_a_limit_on_a_host_with_the_unified_hierarchy_alone(limited: Container) -> None:
    limited.runtime.enter_mount_namespace(CGROUP2_ONLY)
    limited.run_detached()
    assert _limits(limited)[0] == str(2 << 20)  # runc limits reservations since 1.2
    assert _stats(limited)["hugetlb"]["2MB"] == {"failcnt": 0}


@orun_only("runc's update does not have it")
def test_update_changes_the_limit(limited: Container) -> None:
    limited.run_detached()
    resources = {"hugepageLimits": [{"pageSize": "2MB", "limit": 8 << 20}]}
    limited.runtime.call("update", "-r", "-", limited.id, input=json.dumps(resources)).check()
    assert _limits(limited) == [str(8 << 20)] * 2


@orun_only("runc looks for the controller among those of cgroup v1")
def test_a_page_size_that_the_kernel_does_not_have_is_named(limited: Container) -> None:
    limited.config["linux"]["resources"]["hugepageLimits"].append({"pageSize": "3MB", "limit": 0})
    outcome = limited.run("true")
    assert outcome.code == 1
    assert "config.json: linux.resources.hugepageLimits[1]: " in outcome.err
    assert "hugetlb.3MB.max" in outcome.err
    assert "the kernel has no huge pages of this size" in outcome.err
    assert not limited.exists()
