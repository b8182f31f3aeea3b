"""config.json `root`, host and domain name, masked and read-only paths, rootfsPropagation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .config import set_capabilities
from .proc_status import parse_mountinfo

if TYPE_CHECKING:
    from pathlib import Path

    from .container import Container
    from .mount_namespace import MountNamespace


def test_a_read_only_root_cannot_be_written(container: Container) -> None:
    outcome = container.run_sh("echo > /file")
    assert outcome.code != 0
    assert "Read-only file system" in outcome.err


def test_a_writable_root_is_the_directory_of_the_bundle(container: Container) -> None:
    container.config["root"]["readonly"] = False
    container.run_sh("echo hello > /file").check()
    assert (container.rootfs / "file").read_text() == "hello\n"


def test_root_is_writable_by_default(container: Container) -> None:
    del container.config["root"]["readonly"]
    container.run_sh("echo > /file").check()


def test_an_absolute_root_path(container: Container) -> None:
    elsewhere = container.runtime.directory / "elsewhere"
    container.rootfs.rename(elsewhere)
    container.config["root"]["path"] = str(elsewhere)
    container.run_detached()
    assert container.state()["rootfs"] == str(elsewhere)
    assert container.exec("hostname").check().out == "box\n"


def test_the_root_of_the_host_is_out_of_sight(container: Container) -> None:
    outcome = container.run_sh("cat /proc/self/mountinfo; ls /..").check()
    targets = parse_mountinfo(outcome.out.split("\nbin\n")[0])
    assert all(target.startswith(("/proc", "/dev", "/sys")) or target == "/" for target in targets)
    assert "oldroot" not in outcome.out


def test_hostname_is_set(container: Container) -> None:
    container.config["hostname"] = "a-name.of-its.own"
    assert container.run("hostname").check().out == "a-name.of-its.own\n"


def test_the_hostname_of_the_host_stays(container: Container) -> None:
    before = os.uname().nodename
    container.run("hostname").check()
    assert os.uname().nodename == before


def test_domainname_is_set(container: Container) -> None:
    container.config["domainname"] = "example.org"
    assert container.run("cat", "/proc/sys/kernel/domainname").check().out == "example.org\n"


def test_a_masked_file_is_empty(container: Container) -> None:
    (container.rootfs / "etc/secret").write_text("secret")
    container.config["linux"]["maskedPaths"] = ["/etc/secret"]
    assert container.run("cat", "/etc/secret").check().out == ""


def test_a_masked_directory_is_empty_and_read_only(container: Container) -> None:
    (container.rootfs / "etc/secrets").mkdir()
    (container.rootfs / "etc/secrets/one").write_text("secret")
    container.config["root"]["readonly"] = False
    container.config["linux"]["maskedPaths"] = ["/etc/secrets"]
    outcome = container.run_sh("ls -A /etc/secrets; echo > /etc/secrets/new")
    assert outcome.code != 0
    assert outcome.out == ""
    assert "Read-only" in outcome.err


def test_a_masked_path_that_does_not_exist_is_no_error(container: Container) -> None:
    container.config["linux"]["maskedPaths"] = ["/no/such/path"]
    container.run("true").check()


def test_the_default_masks_hide_what_they_name(container: Container) -> None:
    outcome = container.run_sh("cat /proc/keys /proc/timer_list; ls -A /sys/firmware /proc/acpi | grep -v :").check()
    assert outcome.out.strip() == ""


@pytest.mark.parametrize("path", ["/proc/sys/kernel/hostname", "/proc/irq/default_smp_affinity"])
def test_a_read_only_path_cannot_be_written(container: Container, path: str) -> None:
    outcome = container.run_sh(f"echo h > {path}")
    assert outcome.code != 0
    assert "Read-only" in outcome.err


def test_a_read_only_directory_can_be_read(container: Container) -> None:
    container.config["root"]["readonly"] = False
    (container.rootfs / "data").mkdir()
    (container.rootfs / "data/file").write_text("content")
    container.config["linux"]["readonlyPaths"] = ["/data"]
    outcome = container.run_sh("cat /data/file; echo x > /data/file")
    assert outcome.code != 0
    assert outcome.out == "content"


def test_a_read_only_path_that_does_not_exist_is_no_error(container: Container) -> None:
    container.config["linux"]["readonlyPaths"].append("/no/such/path")
    container.run("true").check()


def test_a_read_only_path_keeps_the_options_of_its_mount(container: Container) -> None:
    container.config["linux"]["readonlyPaths"] = ["/dev/shm"]
    mounts = parse_mountinfo(container.run("cat", "/proc/self/mountinfo").check().out)
    assert {"ro", "nosuid", "nodev", "noexec"} <= mounts["/dev/shm"].options


@pytest.mark.parametrize("mode", ["", "private", "rprivate", "slave", "rslave"])
def test_mounts_of_a_root_that_is_not_shared_are_not_shared(container: Container, mode: str) -> None:
    container.config["linux"]["rootfsPropagation"] = mode
    mounts = parse_mountinfo(container.run("cat", "/proc/self/mountinfo").check().out)
    assert not any(field.startswith("shared:") for mount in mounts.values() for field in mount.optional_fields)


@pytest.mark.parametrize(
    ("mode", "field"), [("shared", "shared:"), ("rshared", "shared:"), ("unbindable", "unbindable")]
)
def test_rootfs_propagation_is_what_the_root_has(container: Container, mode: str, field: str) -> None:
    container.config["linux"]["rootfsPropagation"] = mode
    mounts = parse_mountinfo(container.run("cat", "/proc/self/mountinfo").check().out)
    assert any(one.startswith(field) for one in mounts["/"].optional_fields)


@pytest.mark.parametrize("mode", ["shared", "rshared"])
def test_a_shared_root_shows_the_host_no_mount(container: Container, directory: Path, mode: str) -> None:
    """Where the host's root is shared, as systemd makes it, and a volume too, whose mounts do reach the host."""
    volume = directory / "volume"
    volume.mkdir()
    container.config["linux"]["rootfsPropagation"] = mode
    container.config["mounts"].append(
        {"destination": "/volume", "type": "bind", "source": str(volume), "options": ["rbind", "rshared"]}
    )
    set_capabilities(container.config, "CAP_SYS_ADMIN")
    host = container.runtime.enter_mount_namespace(
        f"mount --make-rshared /; mount -t tmpfs none {volume}; mkdir {volume}/below"
    )
    before = _mount_points(host)
    container.run_sh("mount -t tmpfs none /volume/below && mount -t tmpfs none /dev/shm").check()
    assert sorted(_mount_points(host)) == sorted([*before, str(volume / "below")])


def _mount_points(host: MountNamespace) -> list[str]:
    return [line.split()[4] for line in host.shell("cat /proc/self/mountinfo").splitlines()]
