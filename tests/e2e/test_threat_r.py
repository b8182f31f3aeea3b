"""Threat R: a writable cgroup file system (CVE-2023-25809)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .cgroup_files import cgroup_of
from .config import add_namespace, set_capabilities
from .mount_namespace import CGROUP2_ONLY
from .proc_status import parse_mountinfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container import Container


def _cgroup_mounts(container: Container) -> dict[str, frozenset[str]]:
    mounts = parse_mountinfo(container.run("cat", "/proc/self/mountinfo").check().out)
    return {path: one.options for path, one in mounts.items() if one.kind in ("cgroup", "cgroup2")}


@pytest.mark.parametrize("own_namespace", [False, True])
def test_threat_r_every_cgroup_mount_is_read_only(container: Container, own_namespace: bool) -> None:
    if own_namespace:
        add_namespace(container.config, "cgroup")
    mounts = _cgroup_mounts(container)
    assert mounts
    for path, options in mounts.items():
        assert {"ro", "nosuid", "nodev", "noexec"} <= options, path


@pytest.mark.needs_cgroup_v1
def test_threat_r_a_limit_cannot_be_raised_from_inside(container: Container) -> None:
    container.config["linux"]["resources"]["pids"] = {"limit": 20}
    container.run_detached()
    outcome = container.exec_sh("echo max > /sys/fs/cgroup/pids/pids.max")
    assert outcome.code != 0
    assert "Read-only" in outcome.err
    assert (cgroup_of(container.pid, "pids") / "pids.max").read_text() == "20\n"


@pytest.mark.needs_cgroup_v1
def test_threat_r_no_cgroup_can_be_made_from_inside(container: Container) -> None:
    outcome = container.run_sh("mkdir /sys/fs/cgroup/pids/x; mkdir /sys/fs/cgroup/devices/x")
    assert outcome.code != 0
    assert outcome.err.count("Read-only") == 2


def test_threat_r_a_release_agent_cannot_be_set_from_inside(container: Container) -> None:
    set_capabilities(container.config, "CAP_DAC_OVERRIDE")
    outcome = container.run_sh("for f in /sys/fs/cgroup/*/release_agent; do echo /x > $f && echo written; done")
    assert "written" not in outcome.out


@pytest.mark.parametrize("own_namespace", [False, True])
@pytest.mark.needs_cgroup_v1
def test_threat_r_the_mount_shows_the_own_subtree_alone(
    new_container: Callable[[], Container], own_namespace: bool
) -> None:
    first, second = new_container(), new_container()
    first.run_detached()
    if own_namespace:
        add_namespace(second.config, "cgroup")
    outcome = second.run_sh("find /sys/fs/cgroup -type d -name '*-1'; cat /sys/fs/cgroup/pids/cgroup.procs").check()
    assert first.id not in outcome.out
    assert outcome.lines[0] == "1"


def test_threat_r_a_cgroup_namespace_hides_the_path_on_the_host(container: Container) -> None:
    add_namespace(container.config, "cgroup")
    outcome = container.run_sh("cat /proc/self/cgroup; cat /proc/self/mountinfo | grep cgroup").check()
    assert container.id not in outcome.out


def test_threat_r_the_unified_hierarchy_is_read_only_too(container: Container) -> None:
    container.runtime.enter_mount_namespace(CGROUP2_ONLY)
    add_namespace(container.config, "cgroup")
    mounts = _cgroup_mounts(container)
    assert "ro" in mounts["/sys/fs/cgroup"]
    assert container.run_sh("mkdir /sys/fs/cgroup/x").code != 0
