"""config.json `linux.namespaces`: new, shared with the caller, joined by path; user and time namespaces."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .cgroup_files import cgroup_of, read_cgroup
from .config import add_namespace, remove_namespace, set_capabilities
from .marks import orun_only
from .mount_namespace import MountNamespace
from .proc_status import namespace_of, status_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container import Container

FILES = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup"}


def _inside(container: Container, *args: str) -> str:
    return container.run(*args).check().out.strip()


@pytest.mark.parametrize("kind", FILES)
def test_a_new_namespace_is_not_the_callers(container: Container, kind: str) -> None:
    add_namespace(container.config, kind)
    assert _inside(container, "readlink", f"/proc/self/ns/{FILES[kind]}") != namespace_of("self", FILES[kind])


@pytest.mark.parametrize("kind", ["network", "ipc", "cgroup"])
def test_a_namespace_that_is_not_listed_is_the_callers(container: Container, kind: str) -> None:
    remove_namespace(container.config, kind)
    if kind == "network":
        container.config["mounts"] = [one for one in container.config["mounts"] if one["type"] != "sysfs"]
        container.config["mounts"] = [one for one in container.config["mounts"] if one["type"] != "cgroup"]
        container.config["linux"]["maskedPaths"] = []
    assert _inside(container, "readlink", f"/proc/self/ns/{FILES[kind]}") == namespace_of("self", FILES[kind])


def test_without_a_pid_namespace_the_pid_is_the_hosts(container: Container) -> None:
    remove_namespace(container.config, "pid")
    container.run_detached()
    status = status_fields(Path(f"/proc/{container.pid}/status").read_text())
    assert status["NSpid"].split() == [str(container.pid)]


def test_without_a_uts_namespace_the_host_name_is_the_hosts(container: Container) -> None:
    remove_namespace(container.config, "uts")
    del container.config["hostname"]
    assert _inside(container, "hostname") == os.uname().nodename


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts"])
def test_a_namespace_of_another_container_can_be_joined(new_container: Callable[[], Container], kind: str) -> None:
    first, second = new_container(), new_container()
    first.run_detached()
    add_namespace(second.config, kind, f"/proc/{first.pid}/ns/{FILES[kind]}")
    if kind == "uts":
        del second.config["hostname"]
    expected = namespace_of(first.pid, FILES[kind])
    assert _inside(second, "readlink", f"/proc/self/ns/{FILES[kind]}") == expected


def test_a_joined_pid_namespace_shows_both(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.run_detached("sleep", "10003")
    add_namespace(second.config, "pid", f"/proc/{first.pid}/ns/pid")
    second.run_detached("sleep", "10004")
    out = second.exec("ps").check().out
    assert "sleep 10003" in out
    assert "sleep 10004" in out
    second.stop()
    assert first.status == "running"
    second.delete().check()
    first.exec("true").check()


def test_a_joined_uts_namespace_has_the_others_host_name(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.config["hostname"] = "the-first"
    first.run_detached()
    add_namespace(second.config, "uts", f"/proc/{first.pid}/ns/uts")
    del second.config["hostname"]
    assert _inside(second, "hostname") == "the-first"


def test_ipc_objects_are_shared_in_a_joined_ipc_namespace(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.config["linux"]["sysctl"] = {"kernel.shmmax": "12345678"}
    first.run_detached()
    add_namespace(second.config, "ipc", f"/proc/{first.pid}/ns/ipc")
    assert _inside(second, "cat", "/proc/sys/kernel/shmmax") == "12345678"


def test_several_namespaces_can_be_joined_at_once(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.run_detached()
    del second.config["hostname"]
    for kind in ("pid", "network", "ipc", "uts"):
        add_namespace(second.config, kind, f"/proc/{first.pid}/ns/{FILES[kind]}")
    second.run_detached()
    for file in ("pid", "net", "ipc", "uts"):
        assert namespace_of(second.pid, file) == namespace_of(first.pid, file)
    second.delete("--force").check()


def test_the_loopback_of_a_new_network_namespace_is_up(container: Container) -> None:
    out = _inside(container, "ip", "-o", "addr")
    assert "127.0.0.1/8" in out
    assert len({line.split(":")[0] for line in out.splitlines()}) == 1


def test_a_path_that_does_not_exist_is_refused(container: Container) -> None:
    add_namespace(container.config, "network", "/no/such/namespace")
    outcome = container.run("true")
    assert outcome.code == 1
    assert "/no/such/namespace" in outcome.err
    assert not container.exists()


def test_a_path_of_another_type_is_refused(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.run_detached()
    add_namespace(second.config, "network", f"/proc/{first.pid}/ns/ipc")
    assert second.run("true").code == 1
    assert not second.exists()


def test_a_path_that_is_no_namespace_is_refused(container: Container) -> None:
    add_namespace(container.config, "network", "/etc/hostname")
    assert container.run("true").code == 1
    assert not container.exists()


def test_a_cgroup_namespace_shows_the_containers_cgroup_as_root(container: Container) -> None:
    add_namespace(container.config, "cgroup")
    lines = _inside(container, "cat", "/proc/self/cgroup").splitlines()
    assert {line.split(":", 2)[2] for line in lines} == {"/"}


# -- user namespaces --------------------------------------------------------------------------------------------------


@pytest.fixture
def mapped(container: Container) -> Container:
    """A container in a user namespace whose root is uid 100000, the owner of the root file system."""
    add_namespace(container.config, "user")
    container.config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    container.config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
    _own_rootfs(container)
    return container


def _own_rootfs(container: Container) -> None:
    for parent, directories, files in os.walk(container.rootfs):
        if Path(parent).name != "bin":  # shared with other tests by hard links
            for name in [".", *directories, *files]:
                os.chown(Path(parent, name), 100000, 200000, follow_symlinks=False)


def test_ids_are_mapped_as_configured(mapped: Container) -> None:
    assert mapped.run("cat", "/proc/self/uid_map").check().out.split() == ["0", "100000", "65536"]


def test_gids_are_mapped_as_configured(mapped: Container) -> None:
    assert mapped.run("cat", "/proc/self/gid_map").check().out.split() == ["0", "200000", "65536"]


def test_root_inside_is_nobody_special_outside(mapped: Container) -> None:
    mapped.config["root"]["readonly"] = False
    mapped.run_sh("echo > /made; id -u").check()
    assert (mapped.rootfs / "made").stat().st_uid == 100000
    mapped.run_detached()
    status = status_fields(Path(f"/proc/{mapped.pid}/status").read_text())
    assert status["Uid"].split()[0] == "100000"
    assert status["Gid"].split()[0] == "200000"


def test_a_user_namespace_has_the_default_mounts_and_devices(mapped: Container) -> None:
    script = "echo x > /dev/null; head -c 2 /dev/zero | wc -c; ls /sys/kernel >/dev/null; ls /proc/1/ns >/dev/null"
    assert mapped.run_sh(script).check().out.strip() == "2"


def test_capabilities_in_a_user_namespace_are_the_configured_ones(mapped: Container) -> None:
    set_capabilities(mapped.config, "CAP_CHOWN", "CAP_KILL")
    status = status_fields(mapped.run("cat", "/proc/self/status").check().out)
    assert status["CapEff"] == status["CapBnd"] == f"{1 << 0 | 1 << 5:016x}"


def test_another_user_in_a_user_namespace(mapped: Container) -> None:
    mapped.config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5]}
    assert mapped.run_sh('echo "$(id -u) $(id -g) $(id -G)"').check().out.strip() == "1000 1000 1000 5"


def test_an_id_that_is_not_mapped_is_refused(mapped: Container) -> None:
    mapped.config["process"]["user"] = {"uid": 70000, "gid": 0}
    assert mapped.run("true").code == 1
    assert not mapped.exists()


def test_exec_enters_the_user_namespace(mapped: Container) -> None:
    mapped.run_detached()
    assert mapped.exec("cat", "/proc/self/uid_map").check().out.split() == ["0", "100000", "65536"]
    assert mapped.exec("id", "-u", flags=("--user", "7")).check().out == "7\n"


def test_no_pivot_in_a_user_namespace(mapped: Container) -> None:
    out = mapped.run_sh("id -u; cat /proc/1/comm; test -d /sys/kernel && hostname", flags=("--no-pivot",)).check().out
    assert out.split() == ["0", "sh", "box"]


def _without_sysfs(container: Container) -> None:
    """No mount that only the owner of the network namespace may make."""
    config = container.config
    config["mounts"] = [one for one in config["mounts"] if one["type"] not in ("sysfs", "cgroup")]
    config["linux"]["maskedPaths"] = []


@pytest.mark.parametrize("kind", ["network", "uts", "ipc", "cgroup"])
def test_a_new_user_namespace_beside_a_joined_namespace_of_the_host(
    mapped: Container, new_container: Callable[[], Container], kind: str
) -> None:
    first = new_container()
    add_namespace(first.config, "cgroup")
    first.run_detached()
    add_namespace(mapped.config, kind, f"/proc/{first.pid}/ns/{FILES[kind]}")
    if kind == "uts":
        del mapped.config["hostname"]
    if kind == "ipc":  # the owner of the ipc namespace alone may mount its message queues
        mapped.config["mounts"] = [one for one in mapped.config["mounts"] if one["type"] != "mqueue"]
    _without_sysfs(mapped)
    mapped.run_detached()
    assert namespace_of(mapped.pid, FILES[kind]) == namespace_of(first.pid, FILES[kind])
    assert namespace_of(mapped.pid, "user") != namespace_of("self", "user")
    status = status_fields(Path(f"/proc/{mapped.pid}/status").read_text())
    assert (status["Uid"].split()[0], status["NSpid"].split()[1:]) == ("100000", ["1"])
    mapped.delete("--force").check()


@orun_only("runc's exec joins the user namespace first, and may not join the host's any more")
def test_exec_enters_a_user_namespace_and_the_hosts_network_namespace(
    mapped: Container, new_container: Callable[[], Container]
) -> None:
    first = new_container()
    first.run_detached()
    add_namespace(mapped.config, "network", f"/proc/{first.pid}/ns/net")
    _without_sysfs(mapped)
    mapped.run_detached()
    assert mapped.exec_sh("id -u; readlink /proc/self/ns/net").check().lines == ["0", namespace_of(first.pid, "net")]
    mapped.delete("--force").check()


@orun_only("runc has it since 1.2: before, it joins the user namespace first, and may not join the host's any more")
def test_a_joined_user_namespace_beside_a_joined_network_namespace_of_the_host(
    mapped: Container, new_container: Callable[[], Container]
) -> None:
    first, second = new_container(), new_container()
    first.run_detached()
    mapped.run_detached()
    add_namespace(second.config, "user", f"/proc/{mapped.pid}/ns/user")
    add_namespace(second.config, "network", f"/proc/{first.pid}/ns/net")
    _own_rootfs(second)
    _without_sysfs(second)
    second.run_detached()
    assert namespace_of(second.pid, "net") == namespace_of(first.pid, "net")
    assert namespace_of(second.pid, "user") == namespace_of(mapped.pid, "user")
    second.delete("--force").check()


def test_a_pod_whose_user_namespace_owns_the_namespaces_to_join(
    mapped: Container, new_container: Callable[[], Container]
) -> None:
    mapped.run_detached()
    second = new_container()
    for kind, file in (("user", "user"), ("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")):
        add_namespace(second.config, kind, f"/proc/{mapped.pid}/ns/{file}")
    del second.config["hostname"]
    second.config["linux"] |= {key: mapped.config["linux"][key] for key in ("uidMappings", "gidMappings")}
    _own_rootfs(second)
    second.run_detached()
    for file in ("user", "net", "ipc", "uts", "pid"):
        assert namespace_of(second.pid, file) == namespace_of(mapped.pid, file)
    second.delete("--force").check()


def test_a_joined_mount_namespace_need_not_have_the_hosts_cgroups(container: Container) -> None:
    with MountNamespace("umount -R /sys/fs/cgroup") as namespace:
        add_namespace(container.config, "mount", namespace.path)
        container.config["mounts"] = [one for one in container.config["mounts"] if one["type"] != "cgroup"]
        container.config["linux"]["resources"]["pids"] = {"limit": 21}
        container.run_detached()
        assert container.id in cgroup_of(container.pid, "memory").name
        assert read_cgroup(container.pid, "pids", "pids.max") == "21"
        container.delete("--force").check()


@orun_only("runc fails later, with the kernel's EPERM")
def test_a_joined_mount_namespace_beside_a_new_user_namespace_is_refused(mapped: Container) -> None:
    add_namespace(mapped.config, "mount", "/proc/self/ns/mnt")
    outcome = mapped.run("true")
    assert outcome.code == 1
    assert "].path: nothing can be mounted in a joined mount namespace from a new user namespace" in outcome.err
    assert not mapped.exists()


def test_a_user_namespace_without_mappings_is_refused(container: Container) -> None:
    add_namespace(container.config, "user")
    assert container.run("true").code == 1
    assert not container.exists()


# -- time namespaces --------------------------------------------------------------------------------------------------


def test_time_offsets_are_set(container: Container) -> None:
    add_namespace(container.config, "time")
    container.config["linux"]["timeOffsets"] = {
        "boottime": {"secs": 1000000},
        "monotonic": {"secs": 500, "nanosecs": 7},
    }
    outcome = container.run_sh("cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime").check()
    offsets = {line.split()[0]: line.split()[1:] for line in outcome.lines[:2]}
    assert offsets == {"monotonic": ["500", "7"], "boottime": ["1000000", "0"]}
    assert int(outcome.lines[2]) >= 1000000


def test_a_new_time_namespace_without_offsets(container: Container) -> None:
    add_namespace(container.config, "time")
    assert _inside(container, "readlink", "/proc/self/ns/time") != namespace_of("self", "time")


def test_exec_enters_the_time_namespace(container: Container) -> None:
    add_namespace(container.config, "time")
    container.config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000}}
    container.run_detached()
    inside = container.exec("readlink", "/proc/self/ns/time").check().out.strip()
    assert inside == namespace_of(container.pid, "time") != namespace_of("self", "time")
