"""The configuration that `orun spec` writes, against `runc spec`."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.oci.default_spec import default_spec

_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]


def test_the_process_is_the_one_of_runc_spec() -> None:
    assert default_spec(rootless=False)["process"] == {
        "terminal": True,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {"bounding": _CAPABILITIES, "effective": _CAPABILITIES, "permitted": _CAPABILITIES},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    }


def test_threat_f_no_capability_is_inheritable_or_ambient() -> None:
    capabilities = default_spec(rootless=False)["process"]["capabilities"]
    assert "inheritable" not in capabilities
    assert "ambient" not in capabilities


def test_the_sections_are_those_of_runc_spec_and_in_its_order() -> None:
    spec = default_spec(rootless=False)
    assert list(spec) == ["ociVersion", "process", "root", "hostname", "mounts", "linux"]
    assert list(spec["linux"]) == ["resources", "namespaces", "maskedPaths", "readonlyPaths"]
    assert spec["root"] == {"path": "rootfs", "readonly": True}
    assert spec["hostname"] == "orun"
    assert spec["linux"]["resources"] == {"devices": [{"allow": False, "access": "rwm"}]}


def test_the_mounts_are_those_of_runc_spec() -> None:
    assert [(one["destination"], one["type"], one["source"]) for one in default_spec(rootless=False)["mounts"]] == [
        ("/proc", "proc", "proc"),
        ("/dev", "tmpfs", "tmpfs"),
        ("/dev/pts", "devpts", "devpts"),
        ("/dev/shm", "tmpfs", "shm"),
        ("/dev/mqueue", "mqueue", "mqueue"),
        ("/sys", "sysfs", "sysfs"),
        ("/sys/fs/cgroup", "cgroup", "cgroup"),
    ]


def test_the_paths_that_are_hidden_are_those_of_runc_spec() -> None:
    linux = default_spec(rootless=False)["linux"]
    names = "acpi asound kcore keys latency_stats timer_list timer_stats sched_debug"
    expected = [f"/proc/{name}" for name in names.split(" ")]
    assert linux["maskedPaths"] == [*expected, "/sys/firmware", "/proc/scsi"]
    assert linux["readonlyPaths"] == ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def _namespaces(spec: dict[str, Any]) -> list[str]:
    return [one["type"] for one in spec["linux"]["namespaces"]]


def test_a_rootless_container_has_a_user_namespace_and_the_host_s_network() -> None:
    assert _namespaces(default_spec(rootless=False)) == ["pid", "network", "ipc", "uts", "mount", "cgroup"]
    assert _namespaces(default_spec(rootless=True)) == ["pid", "ipc", "uts", "mount", "cgroup", "user"]


def test_a_rootless_container_maps_its_caller_to_root_and_limits_nothing() -> None:
    linux = default_spec(rootless=True, uid=1000, gid=100)["linux"]
    assert linux["uidMappings"] == [{"containerID": 0, "hostID": 1000, "size": 1}]
    assert linux["gidMappings"] == [{"containerID": 0, "hostID": 100, "size": 1}]
    assert "resources" not in linux


def test_a_rootless_container_binds_the_host_s_sysfs_and_maps_no_group_of_ttys() -> None:
    mounts = {one["destination"]: one for one in default_spec(rootless=True)["mounts"]}
    assert mounts["/sys"] == {
        "destination": "/sys",
        "type": "none",
        "source": "/sys",
        "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
    }
    assert not [option for one in mounts.values() for option in one.get("options", ()) if option.startswith("gid=")]


@pytest.mark.parametrize("rootless", [False, True])
def test_two_calls_share_nothing(*, rootless: bool) -> None:
    first = default_spec(rootless=rootless)
    first["mounts"][5]["options"].clear()
    first["process"]["capabilities"]["bounding"].clear()
    assert default_spec(rootless=rootless)["mounts"][5]["options"]
    assert default_spec(rootless=rootless)["process"]["capabilities"]["bounding"]
