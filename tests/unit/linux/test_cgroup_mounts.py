"""Cgroup layouts of real hosts, from their texts."""

from __future__ import annotations

from pathlib import Path

from orlop.linux.cgroup_mounts import CgroupLayout, parse_cgroup_layout, parse_own_cgroups

_OTHER = "21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n30 21 0:27 / /home/cgroup rw - tmpfs cgroup rw\n"


def _v1(number: int, name: str, *, options: str | None = None, root: str = "/") -> str:
    return f"{number} 30 0:{number} {root} /sys/fs/cgroup/{name} rw,nosuid - cgroup cgroup rw,{options or name}\n"


def _names(layout: CgroupLayout) -> list[str]:
    return [one.name for one in layout.hierarchies]


def test_v2_alone() -> None:
    mountinfo = f"{_OTHER}31 21 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
    layout = parse_cgroup_layout(mountinfo, "0::/user.slice/a.service\n")
    assert layout.mode == "v2"
    (only,) = layout.hierarchies
    assert (only.name, only.is_unified, tuple(only.controllers)) == ("", True, ())
    assert (only.mountpoint, only.root, only.own_path) == ("/sys/fs/cgroup", "/", "/user.slice/a.service")


def test_v1_with_joint_controllers_and_a_named_hierarchy() -> None:
    mountinfo = _OTHER + _v1(40, "cpu,cpuacct") + _v1(41, "memory") + _v1(42, "systemd", options="xattr,name=systemd")
    layout = parse_cgroup_layout(mountinfo, "3:memory:/m\n2:cpu,cpuacct:/c\n1:name=systemd:/s:t\n")
    assert layout.mode == "v1"
    assert _names(layout) == ["cpu,cpuacct", "memory", "name=systemd"]
    assert [one.own_path for one in layout.hierarchies] == ["/c", "/m", "/s:t"]
    assert [tuple(one.controllers) for one in layout.hierarchies] == [("cpu", "cpuacct"), ("memory",), ()]
    assert layout.hierarchies[2].mountpoint == "/sys/fs/cgroup/systemd"


def test_hybrid_has_both() -> None:
    mountinfo = _v1(40, "pids") + "43 30 0:43 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    layout = parse_cgroup_layout(mountinfo, "1:pids:/\n0::/u\n")
    assert layout.mode == "hybrid"
    assert [(one.name, one.is_unified, one.own_path) for one in layout.hierarchies] == [
        ("pids", False, "/"),
        ("", True, "/u"),
    ]


def test_a_controller_whose_name_begins_another_s_is_not_taken_for_it() -> None:
    mountinfo = _v1(40, "cpuset") + _v1(41, "cpu")
    layout = parse_cgroup_layout(mountinfo, "1:cpu:/a\n2:cpuset:/b\n")
    assert [(one.name, one.mountpoint, one.own_path) for one in layout.hierarchies] == [
        ("cpuset", "/sys/fs/cgroup/cpuset", "/b"),
        ("cpu", "/sys/fs/cgroup/cpu", "/a"),
    ]


def test_in_a_container_the_mount_shows_a_cgroup_below_the_root() -> None:
    layout = parse_cgroup_layout(_v1(40, "memory", root="/docker/a\\040b"), "1:memory:/docker/a b\n")
    (only,) = layout.hierarchies
    assert (only.root, only.own_path) == ("/docker/a b", "/docker/a b")


def test_of_two_mounts_of_a_hierarchy_the_first_counts() -> None:
    mountinfo = _v1(40, "memory") + "41 30 0:40 / /elsewhere rw - cgroup cgroup rw,memory\n"
    (only,) = parse_cgroup_layout(mountinfo, "1:memory:/\n").hierarchies
    assert only.mountpoint == "/sys/fs/cgroup/memory"


def test_a_mount_of_a_hierarchy_that_the_process_does_not_see_is_left_out() -> None:
    assert _names(parse_cgroup_layout(_v1(40, "memory") + _v1(41, "rdma"), "1:memory:/\n")) == ["memory"]


def test_without_a_mount_there_is_no_hierarchy() -> None:
    layout = parse_cgroup_layout(_OTHER, "0::/\n")
    assert (layout.mode, layout.hierarchies) == ("none", [])


def test_own_cgroups_are_keyed_by_hierarchy() -> None:
    assert parse_own_cgroups("12:pids:/a\n0::/b:c\n") == {"pids": "/a", "": "/b:c"}


def test_this_host_has_a_layout() -> None:
    own, mountinfo = (Path(f"/proc/self/{name}").read_text(encoding="utf-8") for name in ("cgroup", "mountinfo"))
    layout = parse_cgroup_layout(mountinfo, own)
    assert all(Path(one.mountpoint).is_dir() for one in layout.hierarchies)
    assert (layout.mode == "none") == (" - cgroup" not in mountinfo)
