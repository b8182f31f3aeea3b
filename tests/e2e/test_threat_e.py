"""Threat E: writes to /proc and /sys are led astray (CVE-2019-16884, CVE-2025-52881)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .config import bind, mount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .container import Container

_CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


@pytest.fixture(autouse=True)
def _core_pattern() -> Iterator[None]:
    before = _CORE_PATTERN.read_text()
    yield
    after = _CORE_PATTERN.read_text()
    if after != before:
        _CORE_PATTERN.write_text(before)
    assert after == before


def _without_proc(container: Container) -> None:
    container.config["mounts"] = [one for one in container.config["mounts"] if one["destination"] != "/proc"]
    container.config["linux"]["maskedPaths"] = container.config["linux"]["readonlyPaths"] = []


def test_threat_e_a_sysctl_is_not_written_to_a_file_of_the_root_file_system(container: Container) -> None:
    _without_proc(container)
    fake = container.rootfs / "proc/sys/kernel/shmmax"
    fake.parent.mkdir(parents=True)
    fake.write_text("untouched")
    container.config["root"]["readonly"] = False
    container.config["linux"]["sysctl"] = {"kernel.shmmax": "1234567"}
    container.run("true")
    assert fake.read_text() == "untouched"


def test_threat_e_a_sysctl_reaches_the_kernel_whatever_proc_is(container: Container) -> None:
    container.config["mounts"][0] = mount("/proc", "tmpfs", "tmpfs")
    container.config["mounts"].append({"destination": "/real", "type": "proc", "source": "proc"})
    container.config["linux"]["maskedPaths"] = container.config["linux"]["readonlyPaths"] = []
    container.config["linux"]["sysctl"] = {"kernel.shmmax": "1234567"}
    outcome = container.run("cat", "/real/sys/kernel/shmmax")
    if outcome.code == 0:
        assert outcome.out == "1234567\n"


def test_threat_e_a_link_in_place_of_a_sysctl_is_not_followed(container: Container) -> None:
    _without_proc(container)
    victim = container.rootfs / "etc/victim"
    victim.write_text("untouched")
    (container.rootfs / "proc/sys/kernel").mkdir(parents=True)
    (container.rootfs / "proc/sys/kernel/sem").symlink_to("../../../etc/no-such-directory/victim")
    container.config["linux"]["sysctl"] = {"kernel.sem": "250 32000 32 128"}
    container.run("true")
    assert victim.read_text() == "untouched"


@pytest.mark.parametrize(
    "target", ["/proc/self", "/proc/sys", "/proc/sys/kernel", "/proc/1/attr", "/proc/sysrq-trigger"]
)
def test_threat_e_a_bind_mount_below_proc_is_refused(container: Container, target: str) -> None:
    container.config["mounts"].append(bind(target, str(container.bundle.directory)))
    assert container.run("true").code == 1
    assert not container.exists()


def test_threat_e_a_bind_mount_in_place_of_proc_is_refused(container: Container) -> None:
    (container.bundle.directory / "fake").mkdir()
    container.config["mounts"][0] = bind("/proc", str(container.bundle.directory / "fake"))
    assert container.run("true").code == 1
    assert not container.exists()


def test_threat_e_a_volume_with_proc_files_in_it_does_not_catch_writes(container: Container) -> None:
    """CVE-2019-16884: an image volume on /proc made the LSM label go to a file of the image."""
    fake = container.bundle.directory / "fake"
    (fake / "self/attr").mkdir(parents=True)
    (fake / "self/attr/exec").write_text("untouched")
    container.config["mounts"].append(bind("/proc", str(fake)))
    container.run("true")
    assert (fake / "self/attr/exec").read_text() == "untouched"


@pytest.mark.parametrize("name", ["cpuinfo", "meminfo", "stat", "uptime", "loadavg"])
def test_threat_e_the_files_that_lxcfs_offers_can_be_bound(container: Container, name: str) -> None:
    (container.bundle.directory / name).write_text("made up\n")
    container.config["mounts"].append(bind(f"/proc/{name}", str(container.bundle.directory / name)))
    assert container.run("cat", f"/proc/{name}").check().out == "made up\n"


def test_threat_e_the_hosts_sysctls_are_read_only_inside(container: Container) -> None:
    outcome = container.run_sh("echo '|/x' > /proc/sys/kernel/core_pattern")
    assert outcome.code != 0
    assert "Read-only" in outcome.err
