"""Facts of the host, from small directories of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.runtime.host import (
    _join,
    _missing,
    capability_mask,
    home_directory,
    recorded_cgroup,
    refuse_sysctls_of_the_host,
)

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
    everything = capability_mask({"linux": {"namespaces": [{"type": "user"}]}})
    assert everything & capability_mask({}) == capability_mask({})
    assert everything == (1 << everything.bit_length()) - 1


def test_threat_l_a_sysctl_of_a_joined_namespace_that_is_our_own_is_refused() -> None:
    namespaces = [{"type": "network", "path": "/proc/self/ns/net"}]
    linux = {"sysctl": {"net.ipv4.ip_forward": "1"}, "namespaces": namespaces}
    with pytest.raises(InvalidArgument, match=r"linux\.sysctl\.net\.ipv4\.ip_forward: .* is the host's own network"):
        refuse_sysctls_of_the_host({"linux": linux})
    namespaces[0]["path"] = "/proc/self/ns/ipc"
    refuse_sysctls_of_the_host({"linux": linux})
    refuse_sysctls_of_the_host({})
