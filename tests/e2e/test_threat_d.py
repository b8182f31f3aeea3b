"""Threat D: masked paths and devices are redirected.

CVE-2025-31133 (/dev/null), CVE-2025-52565 (/dev/console), CVE-2026-41579 and CVE-2026-47766 (/dev is a link).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .terminal import FdSocket, Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .container import Container


@pytest.fixture
def victim(directory: Path) -> Iterator[Path]:
    """A directory of the host that nothing may be made or changed in."""
    place = directory / "victim"
    place.mkdir()
    (place / "file").write_text("of the host")
    yield place
    assert [entry.name for entry in place.iterdir()] == ["file"]
    assert (place / "file").read_text() == "of the host"


@pytest.fixture
def own_dev(container: Container) -> Container:
    """A container whose /dev is the directory of its root file system."""
    container.config["mounts"] = [
        one for one in container.config["mounts"] if not one["destination"].startswith("/dev")
    ]
    container.config["root"]["readonly"] = False
    (container.rootfs / "etc/secret").write_text("secret")
    container.config["linux"]["maskedPaths"] = ["/etc/secret"]
    return container


def _replace_null(container: Container, what: str) -> None:
    null = container.rootfs / "dev/null"
    if what == "a file":
        null.write_text("not a device")
    elif what == "a link":
        (container.rootfs / "etc/target").write_text("a file of the root file system")
        null.symlink_to("/etc/target")
    elif what == "a link into proc":
        null.symlink_to("/proc/sys/kernel/hostname")
    else:
        os.mknod(null, 0o20666, os.makedev(1, 5))


@pytest.mark.parametrize("what", ["a file", "a link", "a link into proc", "another device"])
def test_threat_d_a_mask_is_the_true_null_device(own_dev: Container, what: str) -> None:
    _replace_null(own_dev, what)
    outcome = own_dev.run_sh("stat -c %t:%T /etc/secret; head -c 1000 /etc/secret; echo x > /etc/secret")
    assert "secret" not in outcome.out
    if outcome.code == 0:
        assert outcome.out == "1:3\n"


@pytest.mark.parametrize("what", ["a file", "a link", "another device"])
def test_threat_d_a_masked_secret_is_never_shown(own_dev: Container, what: str) -> None:
    _replace_null(own_dev, what)
    outcome = own_dev.run("head", "-c", "1000", "/etc/secret")
    assert "secret" not in outcome.out


def test_threat_d_a_masked_link_does_not_lead_out(container: Container, victim: Path) -> None:
    (container.rootfs / "etc/link").symlink_to(victim / "file")
    (container.rootfs / "etc/directory-link").symlink_to(victim)
    container.config["linux"]["maskedPaths"] += ["/etc/link", "/etc/directory-link"]
    container.run("true")


def test_threat_d_a_masked_link_hides_what_it_leads_to(container: Container) -> None:
    (container.rootfs / "etc/secret").write_text("secret")
    (container.rootfs / "etc/link").symlink_to("secret")
    container.config["linux"]["maskedPaths"] += ["/etc/link"]
    outcome = container.run("cat", "/etc/link", "/etc/secret")
    assert outcome.code != 0 or "secret" not in outcome.out


def test_threat_d_a_read_only_link_does_not_lead_out(container: Container, victim: Path) -> None:
    (container.rootfs / "etc/link").symlink_to(victim)
    container.config["linux"]["readonlyPaths"] += ["/etc/link"]
    container.run("true")


def test_threat_d_dev_as_a_link_is_refused(container: Container) -> None:
    (container.rootfs / "dev").rmdir()
    (container.rootfs / "elsewhere").mkdir()
    (container.rootfs / "dev").symlink_to("/elsewhere")
    outcome = container.run("true")
    assert outcome.code == 1
    assert "/dev" in outcome.err
    assert not container.exists()


def test_threat_d_dev_as_a_link_does_not_lead_out(container: Container, victim: Path) -> None:
    (container.rootfs / "dev").rmdir()
    (container.rootfs / "dev").symlink_to(victim)
    container.run("true")


def test_threat_d_dev_pts_as_a_link_does_not_lead_out(own_dev: Container, victim: Path) -> None:
    (own_dev.rootfs / "dev/pts").symlink_to(victim)
    own_dev.config["mounts"].append({"destination": "/dev/pts", "type": "devpts", "source": "devpts"})
    own_dev.run("true")


@pytest.mark.parametrize("name", ["null", "zero", "fd", "stdin", "ptmx", "console", "core"])
def test_threat_d_a_default_node_as_a_link_does_not_lead_out(own_dev: Container, victim: Path, name: str) -> None:
    (own_dev.rootfs / "dev" / name).symlink_to(victim / "file")
    own_dev.run_sh("echo x > /dev/null; echo x > /dev/zero")


@pytest.mark.parametrize("name", ["null", "full", "ptmx"])
def test_threat_d_a_default_node_as_a_dangling_link_makes_nothing(own_dev: Container, victim: Path, name: str) -> None:
    (own_dev.rootfs / "dev" / name).symlink_to(victim / "made")
    own_dev.run("true")


def test_threat_d_console_as_a_link_does_not_lead_out(own_dev: Container, victim: Path, directory: Path) -> None:
    (own_dev.rootfs / "dev/console").symlink_to(victim / "file")
    own_dev.config["mounts"].append({"destination": "/dev/pts", "type": "devpts", "source": "devpts"})
    own_dev.config["process"]["terminal"] = True
    socket = FdSocket(directory / "console.sock")
    outcome = own_dev.create("sh", "-c", "echo x > /dev/console", flags=("--console-socket", str(socket.path)))
    if outcome.code == 0:
        screen = Screen(socket.receive()[0])
        own_dev.start()
        own_dev.wait_status("stopped")
        screen.close()
    socket.close()


def test_threat_d_a_device_behind_a_link_is_made_in_root(own_dev: Container, victim: Path) -> None:
    (own_dev.rootfs / "dev/bus").symlink_to(f"../../../../../../..{victim}")
    device = {"path": "/dev/bus/made", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666, "uid": 0, "gid": 0}
    own_dev.config["linux"]["devices"] = [device]
    own_dev.run("true")


def test_threat_d_a_masked_directory_cannot_be_written(container: Container) -> None:
    outcome = container.run_sh("echo > /proc/acpi/x; echo > /sys/firmware/x; mkdir /sys/firmware/d")
    assert outcome.code != 0
    assert outcome.err.count("Read-only") + outcome.err.count("nonexistent") == 3
