"""Facts of the host, from small directories of the test's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.linux.cgroup_mounts import CgroupHierarchy, CgroupLayout
from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.runtime.host import (
    _delegate,
    _delegate_hugetlb,
    _join,
    _missing,
    capability_mask,
    home_directory,
    recorded_cgroup,
    refuse_populated_cgroup,
    refuse_sysctls_of_the_host,
    seccomp_program,
)

from .samples import make_cgroup

if TYPE_CHECKING:
    from pathlib import Path


def _config(rootfs: Path, uid: int = 0, env: list[str] | None = None) -> dict[str, Any]:
    return {"process": {"user": {"uid": uid}, "env": env or []}, "root": {"path": str(rootfs)}}


def _passwd(rootfs: Path, text: str) -> Path:
    (rootfs / "etc").mkdir()
    (rootfs / "etc" / "passwd").write_text(text, encoding="utf-8")
    return rootfs


def test_home_is_what_the_containers_passwd_says(tmp_path: Path) -> None:
    rootfs = _passwd(tmp_path, "root:x:0:0:r:/root:/bin/sh\nweb:x:7:7::/srv/web:\n")
    assert home_directory(_config(rootfs, 0), "/") == "/root"
    assert home_directory(_config(rootfs, 7), "/") == "/srv/web"
    assert home_directory(_config(rootfs, 8), "/") == "/"


@pytest.mark.parametrize("line", ["x", "a:x:0:0:g", "a:x:0:0:g:relative:", "a:x:0:0:g:/tab\there:", ":::::/x:"])
def test_a_strange_passwd_gives_no_home(tmp_path: Path, line: str) -> None:
    assert home_directory(_config(_passwd(tmp_path, line)), "/") == "/"


def test_a_linked_passwd_is_not_the_hosts(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root:x:0:0:r:/of-the-host:", encoding="utf-8")
    rootfs = tmp_path / "rootfs"
    (rootfs / "etc").mkdir(parents=True)
    (rootfs / "etc" / "passwd").symlink_to(tmp_path / "secret")
    assert home_directory(_config(rootfs), "/") == "/"
    (rootfs / "etc" / "passwd").unlink()
    (rootfs / "etc").rmdir()
    (rootfs / "etc").symlink_to(tmp_path)
    (tmp_path / "passwd").write_text("root:x:0:0:r:/of-the-host:", encoding="utf-8")
    assert home_directory(_config(rootfs), "/") == "/"


def test_a_home_in_the_environment_is_not_looked_up(tmp_path: Path) -> None:
    rootfs = _passwd(tmp_path, "root:x:0:0:r:/root:/bin/sh\n")
    assert home_directory(_config(rootfs, env=["HOME=/x"]), "/") == "/"


@pytest.mark.parametrize(
    ("root", "own", "wanted", "path"),
    [
        ("/", "/user", "/a/b", "/cg/a/b"),
        ("/", "/user", "web", "/cg/user/web"),
        ("/", "/", "web", "/cg/web"),
        ("/docker/1", "/docker/1/sub", "web", "/cg/sub/web"),
        ("/docker/1", "/docker/1", "./web", "/cg/web"),
    ],
)
def test_where_a_cgroup_goes(root: str, own: str, wanted: str, path: str) -> None:
    assert _join("/cg", root, own, wanted) == path


def test_missing_directories_come_outermost_first(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert _missing(f"{tmp_path}/a/b/c", str(tmp_path)) == [f"{tmp_path}/a/b", f"{tmp_path}/a/b/c"]
    assert _missing(f"{tmp_path}/a", str(tmp_path)) == []


@pytest.mark.parametrize(
    ("paths", "mode"),
    [({"": "/u"}, "v2"), ({"pids": "/p", "": "/u"}, "hybrid"), ({"pids": "/p", "cpu,cpuacct": "/c"}, "v1")],
)
def test_a_recorded_cgroup_tells_its_layout(paths: dict[str, str], mode: str) -> None:
    placement = recorded_cgroup(paths)
    assert placement.mode == mode
    assert placement.paths() == paths
    assert mode == "v2" or placement.by_controller()["pids"] == "/p"


def test_a_user_namespace_has_every_capability() -> None:
    everything = capability_mask({"linux": {"namespaces": [{"type": "user"}]}}, "/proc/self")
    assert everything & capability_mask({}, "/proc/self") == capability_mask({}, "/proc/self")
    assert everything == (1 << everything.bit_length()) - 1


def test_threat_l_a_sysctl_of_a_joined_namespace_that_is_our_own_is_refused() -> None:
    namespaces = [{"type": "network", "path": "/proc/self/ns/net"}]
    linux = {"sysctl": {"net.ipv4.ip_forward": "1"}, "namespaces": namespaces}
    with pytest.raises(InvalidArgument, match=r"linux\.sysctl\.net\.ipv4\.ip_forward: .* is the host's own network"):
        refuse_sysctls_of_the_host({"linux": linux}, "/proc/self")
    namespaces[0]["path"] = "/proc/self/ns/ipc"
    refuse_sysctls_of_the_host({"linux": linux}, "/proc/self")
    refuse_sysctls_of_the_host({}, "/proc/self")


@pytest.mark.parametrize(
    ("root", "own", "wanted", "path"),
    [
        ("/", "/user", "//a/./b/", "/cg/a/b"),
        ("/", "/user", "/", "/cg"),
        ("/docker/1", "/docker/1", "/web", "/cg/web"),
        ("/docker/1", "/docker/12", "web", "/cg/docker/12/web"),
    ],
)
def test_a_cgroup_is_found_by_whole_components(root: str, own: str, wanted: str, path: str) -> None:
    assert _join("/cg", root, own, wanted) == path


def test_a_cgroup_with_processes_is_refused(tmp_path: Path) -> None:
    def refuse(path: Path, *missing: str) -> None:
        refuse_populated_cgroup(CgroupPlacement("v2", [CgroupDirectory("", (), str(path), missing)]))

    refuse(make_cgroup(tmp_path / "empty", cgroup__procs=""))
    full = make_cgroup(tmp_path / "full", cgroup__procs="7\n")
    refuse(full, "made meanwhile")  # the executor's mkdir tells
    with pytest.raises(InvalidArgument) as caught:
        refuse(full)
    assert str(caught.value) == (
        f"config.json: linux.cgroupsPath: the cgroup {full} has processes already;"
        " choose a cgroup of its own for the container"
    )


def test_controllers_are_delegated_where_an_ancestor_lacks_them(tmp_path: Path) -> None:
    mount = make_cgroup(
        tmp_path / "cg", cgroup__controllers="cpu memory pids rdma hugetlb\n", cgroup__subtree_control="memory\n"
    )
    make_cgroup(mount / "a", cgroup__subtree_control="")
    layout = CgroupLayout("v2", [CgroupHierarchy("", str(mount), "/", "/", is_unified=True)])
    outer, inner = f"{mount}/cgroup.subtree_control", f"{mount}/a/cgroup.subtree_control"
    assert _delegate(layout, f"{mount}/a/web", {"rdma": {"x": {}}}) == [
        (outer, "cpu"), (outer, "pids"), (outer, "rdma"),
        (inner, "cpu"), (inner, "memory"), (inner, "pids"), (inner, "rdma"),
    ]  # fmt: skip


def test_the_controller_of_huge_pages_is_delegated_when_they_are_limited(tmp_path: Path) -> None:
    mount = make_cgroup(tmp_path / "cg", cgroup__controllers="hugetlb\n", cgroup__subtree_control="")
    hierarchy = CgroupHierarchy("", str(mount), "/", "/", is_unified=True)
    wanted = [(f"{mount}/cgroup.subtree_control", "hugetlb")]
    limits = {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}
    assert _delegate(CgroupLayout("v2", [hierarchy]), f"{mount}/web", limits) == wanted
    assert _delegate(CgroupLayout("v2", [hierarchy]), f"{mount}/web", {}) == []
    memory = CgroupHierarchy("memory", "/m", "/", "/", is_unified=False)
    directories = [CgroupDirectory("memory", ("memory",), "/m/web", ()), CgroupDirectory("", (), f"{mount}/web", ())]
    assert _delegate_hugetlb(CgroupLayout("hybrid", [memory, hierarchy]), directories) == wanted
    assert directories[1].controllers == ("hugetlb",)


def test_without_the_controller_of_huge_pages_nothing_is_delegated(tmp_path: Path) -> None:
    mount = make_cgroup(tmp_path / "cg", cgroup__controllers="", cgroup__subtree_control="")
    layout = CgroupLayout("hybrid", [CgroupHierarchy("", str(mount), "/", "/", is_unified=True)])
    directories = [CgroupDirectory("", (), f"{mount}/web", ())]
    assert _delegate_hugetlb(layout, directories) == []
    assert directories[0].controllers == ()


def test_of_a_recorded_unified_cgroup_beside_v1_the_huge_pages_are_used(tmp_path: Path) -> None:
    cgroup = make_cgroup(tmp_path / "web", cgroup__controllers="cpu hugetlb\n")
    by_controller = recorded_cgroup({"memory": "/m", "": str(cgroup)}).by_controller()
    assert by_controller == {"": str(cgroup), "memory": "/m", "hugetlb": str(cgroup)}


def test_a_recorded_cgroup_of_v2_has_the_controllers_of_its_directory(tmp_path: Path) -> None:
    cgroup = make_cgroup(tmp_path / "web", cgroup__controllers="memory pids\n")
    by_controller = recorded_cgroup({"": str(cgroup)}).by_controller()
    assert by_controller == {"": str(cgroup), "memory": str(cgroup), "pids": str(cgroup)}


@pytest.mark.parametrize("name", ["directory", "fifo", "nothing"])
def test_a_passwd_that_is_no_file_gives_no_home_and_does_not_keep_us_waiting(tmp_path: Path, name: str) -> None:
    (tmp_path / "etc").mkdir()
    if name == "directory":
        (tmp_path / "etc" / "passwd").mkdir()
    elif name == "fifo":
        os.mkfifo(tmp_path / "etc" / "passwd")
    assert home_directory(_config(tmp_path), "/") == "/"


def test_an_uid_is_compared_as_it_is_written(tmp_path: Path) -> None:
    rootfs = _passwd(tmp_path, "a:x:07:7::/a:\n7:x:1:1::/b:\nc:x:7:7::/c:\nd:x:7:7::/d:\n")
    assert home_directory(_config(rootfs, 7), "/") == "/c"


def test_a_relative_rootfs_is_that_of_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    _passwd(tmp_path / "rootfs", "root:x:0:0::/root:\n")
    assert home_directory({"process": {}, "root": {"path": "rootfs"}}, str(tmp_path)) == "/root"


def test_the_last_home_in_the_environment_counts(tmp_path: Path) -> None:
    rootfs = _passwd(tmp_path, "root:x:0:0:root:/root:/bin/sh\n")
    assert home_directory(_config(rootfs, env=["HOME=/x", "HOME="]), "/") == "/root"
    assert home_directory(_config(rootfs, env=["HOME=", "HOME=/x"]), "/") == "/"


def test_an_empty_home_in_the_environment_is_none(tmp_path: Path) -> None:
    rootfs = _passwd(tmp_path, "root:x:0:0::/root:\n")
    assert home_directory(_config(rootfs, env=["HOME="]), "/") == "/root"


def test_a_passwd_that_is_not_utf_8_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_bytes(b"\xff\xfe:::\nroot:x:0:0::/root")
    assert home_directory(_config(tmp_path), "/") == "/root"


def test_only_the_first_mib_of_passwd_is_read(tmp_path: Path) -> None:
    rootfs = _passwd(tmp_path, "#" * (1 << 20) + "\nroot:x:0:0::/root:\n")
    assert home_directory(_config(rootfs), "/") == "/"


@pytest.mark.parametrize("section", [None, {}])
def test_without_a_section_there_is_no_filter_and_no_cache(tmp_path: Path, section: dict[str, Any] | None) -> None:
    assert seccomp_program(section, str(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_filter_is_kept_below_the_state_root_and_taken_from_there(tmp_path: Path) -> None:
    section = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}
    first = seccomp_program(section, str(tmp_path))
    assert first is not None
    (kept,) = (tmp_path / ".cache" / "seccomp").iterdir()
    assert kept.read_bytes().endswith(first.program)
    inode = kept.stat().st_ino
    second = seccomp_program(section, str(tmp_path))
    assert second is not None
    assert (second.program, second.flags) == (first.program, first.flags)
    assert [path.stat().st_ino for path in kept.parent.iterdir()] == [inode]


def test_a_filter_may_be_compiled_without_a_trace(tmp_path: Path) -> None:
    section = {"defaultAction": "SCMP_ACT_ALLOW"}
    kept = seccomp_program(section, str(tmp_path / "kept"))
    other = seccomp_program(section, str(tmp_path / "none"), keep=False)
    assert kept is not None
    assert other is not None
    assert (kept.program, kept.flags) == (other.program, other.flags)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
