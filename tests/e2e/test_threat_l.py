"""Threat L: sysctls and annotations say more than they should (CVE-2022-0811, CVE-2022-0532, CVE-2024-3154)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .config import remove_namespace
from .leftovers import cgroups_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .container import Container

_WATCHED = tuple(
    Path("/proc/sys", name)
    for name in (
        "kernel/core_pattern", "kernel/hostname", "kernel/domainname", "kernel/shmmax", "kernel/panic", "vm/swappiness",
        "net/ipv4/ip_forward", "fs/file-max",
    )
)  # fmt: skip


@pytest.fixture(autouse=True)
def _host_unchanged() -> Iterator[None]:
    before = {path: path.read_text() for path in _WATCHED}
    yield
    changed = {path for path in _WATCHED if path.read_text() != before[path]}
    for path in changed:
        path.write_text(before[path])
    assert changed == set()


@pytest.mark.parametrize(
    "name",
    [
        "kernel.core_pattern",
        "kernel.panic",
        "vm.swappiness",
        "fs.file-max",
        "kernel/core_pattern",
        "kernel.shm/../core_pattern",
        "net/../kernel/core_pattern",
        "net.ipv4/../../kernel/core_pattern",
        "../kernel/core_pattern",
        "fs.mqueue/../../kernel/core_pattern",
        "/proc/sys/kernel/core_pattern",
        "",
    ],
)
def test_threat_l_a_sysctl_of_the_host_is_refused(container: Container, name: str) -> None:
    container.config["linux"]["sysctl"] = {name: "1"}
    outcome = container.run("true")
    assert outcome.code == 1
    assert not container.exists()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("network", "net.ipv4.ip_forward"),
        ("ipc", "kernel.shmmax"),
        ("ipc", "fs.mqueue.msg_max"),
        ("uts", "kernel.domainname"),
    ],
)
def test_threat_l_a_sysctl_of_a_shared_namespace_is_refused(container: Container, kind: str, name: str) -> None:
    remove_namespace(container.config, kind)
    container.config.pop("hostname")
    container.config["mounts"] = [one for one in container.config["mounts"] if one["type"] not in ("sysfs", "cgroup")]
    container.config["linux"]["sysctl"] = {name: "1"}
    assert container.run("true").code == 1
    assert not container.exists()


def test_threat_l_a_sysctl_of_the_callers_own_namespace_by_path_is_refused(container: Container) -> None:
    remove_namespace(container.config, "network")
    container.config["linux"]["namespaces"].append({"type": "network", "path": "/proc/self/ns/net"})
    container.config["mounts"] = [one for one in container.config["mounts"] if one["type"] not in ("sysfs", "cgroup")]
    container.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    assert container.run("true").code == 1
    assert not container.exists()


@pytest.mark.parametrize(
    "value", ["1+kernel.core_pattern=|/x", "1\nkernel.core_pattern=|/x", "1 kernel.core_pattern=x"]
)
def test_threat_l_a_value_cannot_smuggle_another_sysctl(container: Container, value: str) -> None:
    container.config["linux"]["sysctl"] = {"kernel.shm_rmid_forced": value}
    container.run("true")


def test_threat_l_annotations_have_no_effect(container: Container, directory: Path) -> None:
    victim = directory / "made-by-an-annotation"
    container.config["annotations"] = {
        "run.oci.hooks.stdout": str(victim),
        "run.oci.hooks.stderr": str(victim),
        "run.oci.handler": "krun",
        "run.oci.keep_original_groups": "1",
        "run.oci.mount_context_type": "rootcontext",
        "run.oci.delegate-cgroup": "../../x",
        "org.systemd.property.ExecStopPost": "['/bin/touch', '/x']",
        "io.kubernetes.cri-o.Devices": "/dev/mem",
        "org.criu.config": str(victim),
    }
    container.config["hooks"] = {"createRuntime": [{"path": "/bin/echo", "args": ["echo", "hook"]}]}
    container.run("true").check()
    assert not victim.exists()


@pytest.mark.parametrize("path", ["/../../{}", "../{}", "/{}/../../x", "a/../../{}"])
def test_threat_l_a_cgroups_path_with_dots_is_refused(container: Container, is_orun: bool, path: str) -> None:
    container.config["linux"]["cgroupsPath"] = path.format(container.id)
    outcome = container.run("true").refused()
    assert "linux.cgroupsPath" in outcome.err or not is_orun
    assert cgroups_of(container.id) == []


@pytest.mark.parametrize("name", ["../pids.max", "pids.max/../../x", "/etc/passwd"])
def test_threat_l_a_unified_file_is_a_name(container: Container, is_orun: bool, name: str) -> None:
    container.config["linux"]["resources"]["unified"] = {name: "1"}
    outcome = container.run("true").refused()
    assert "linux.resources.unified" in outcome.err or not is_orun
