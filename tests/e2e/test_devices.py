"""Devices: the default ones, those of `linux.devices`, and the rules of `linux.resources.devices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .cgroup_files import read_cgroup
from .config import set_capabilities

if TYPE_CHECKING:
    from .container import Container

DEFAULT = {"null": "1:3", "zero": "1:5", "full": "1:7", "random": "1:8", "urandom": "1:9", "tty": "5:0"}
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}


def _rule(container: Container, **fields: Any) -> None:
    container.config["linux"]["resources"]["devices"].append({"allow": True, "access": "rwm", **fields})


def test_the_default_devices_have_their_numbers_and_modes(container: Container) -> None:
    paths = [f"/dev/{name}" for name in DEFAULT]
    lines = container.run("stat", "-c", "%n %t:%T %a %u:%g", *paths).check().lines
    assert lines == [f"/dev/{name} {number} 666 0:0" for name, number in DEFAULT.items()]


def test_the_default_devices_work(container: Container) -> None:
    script = "echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x > /dev/full"
    outcome = container.run_sh(script)
    assert outcome.out.split() == ["4", "4"]
    assert "No space left" in outcome.err


def test_the_default_links_are_there(container: Container) -> None:
    lines = container.run_sh("; ".join(f"readlink /dev/{name}" for name in LINKS)).check().lines
    assert lines == list(LINKS.values())


def test_ptmx_is_the_one_of_dev_pts(container: Container) -> None:
    assert container.run("readlink", "/dev/ptmx").check().out.strip().lstrip("/") in ("pts/ptmx", "dev/pts/ptmx")
    container.run_sh("exec 3<>/dev/ptmx && ls /dev/pts/0").check()


def test_nothing_else_is_in_dev(container: Container) -> None:
    names = set(container.run("ls", "/dev").check().out.split())
    assert names == {*DEFAULT, *LINKS, "ptmx", "pts", "shm", "mqueue"} | (names & {"core", "console"})


def test_a_device_has_owner_and_mode_as_configured(container: Container) -> None:
    device = {"path": "/dev/fuse-too", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 12, "gid": 13}
    container.config["linux"]["devices"] = [device]
    out = container.run("stat", "-c", "%F %t:%T %a %u:%g", "/dev/fuse-too").check().out.strip()
    assert out == "character special file a:e5 640 12:13"


def test_a_device_may_be_in_a_directory_that_does_not_exist(container: Container) -> None:
    container.config["linux"]["devices"] = [{"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200}]
    assert container.run("stat", "-c", "%t:%T", "/dev/net/tun").check().out == "a:c8\n"


def test_a_block_device_and_a_fifo(container: Container) -> None:
    container.config["linux"]["devices"] = [
        {"path": "/dev/block", "type": "b", "major": 7, "minor": 200, "fileMode": 0o600},
        {"path": "/dev/fifo", "type": "p", "fileMode": 0o622},
    ]
    lines = container.run("stat", "-c", "%F %a", "/dev/block", "/dev/fifo").check().lines
    assert lines == ["block special file 600", "fifo 622"]


def test_a_node_can_be_made_but_not_used(container: Container) -> None:
    set_capabilities(container.config, "CAP_MKNOD")
    outcome = container.run_sh("mknod /dev/mem-too c 1 1 && head -c 1 /dev/mem-too")
    assert outcome.code != 0
    assert "not permitted" in outcome.err


def test_an_allowed_device_can_be_used(container: Container) -> None:
    set_capabilities(container.config, "CAP_MKNOD")
    _rule(container, type="c", major=10, minor=200)
    container.run_sh("mknod /dev/tun-too c 10 200 && : < /dev/tun-too").check()


def test_access_is_what_the_rule_says(container: Container) -> None:
    set_capabilities(container.config, "CAP_MKNOD")
    _rule(container, type="c", major=10, minor=200, access="rm")
    outcome = container.run_sh(
        "mknod /dev/tun-too c 10 200 && : < /dev/tun-too && echo readable; echo x > /dev/tun-too"
    )
    assert outcome.out == "readable\n"
    assert outcome.code != 0


def test_a_later_rule_overrides_an_earlier_one(container: Container) -> None:
    set_capabilities(container.config, "CAP_MKNOD")
    _rule(container, type="c", major=10, minor=200)
    container.config["linux"]["resources"]["devices"].append(
        {"allow": False, "type": "c", "major": 10, "minor": 200, "access": "w"}
    )
    outcome = container.run_sh(
        "mknod /dev/tun-too c 10 200 && : < /dev/tun-too && echo readable; echo x > /dev/tun-too"
    )
    assert outcome.out == "readable\n"
    assert outcome.code != 0


def test_allow_all_allows_all(container: Container) -> None:
    set_capabilities(container.config, "CAP_MKNOD")
    container.config["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
    container.run_sh("mknod /dev/tun-too c 10 200 && : < /dev/tun-too").check()


def test_the_rules_are_in_the_cgroup(container: Container) -> None:
    _rule(container, type="c", major=10, minor=229)
    container.run_detached()
    rules = read_cgroup(container.pid, "devices", "devices.list").splitlines()
    assert "c 10:229 rwm" in rules
    assert "c 1:3 rwm" in rules
    assert "a *:* rwm" not in rules


@pytest.mark.parametrize("name", ["null", "zero", "urandom"])
def test_a_default_device_stays_usable_by_exec(container: Container, name: str) -> None:
    container.run_detached()
    container.exec_sh(f": < /dev/{name} && : > /dev/{name}").check()


@pytest.mark.needs_cgroup_v1
def test_device_rules_are_refused_on_a_host_without_their_controller(container: Container) -> None:
    container.runtime.enter_mount_namespace("umount /sys/fs/cgroup/devices")
    outcome = container.run("true")
    assert outcome.code == 1
    assert "devices" in outcome.err
    assert not container.exists()
