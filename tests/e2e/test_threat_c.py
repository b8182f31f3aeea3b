"""Threat C: links and races in the root file system lead mounts and directories out of it.

CVE-2019-19921, CVE-2021-30465, CVE-2023-27561, CVE-2023-28642, CVE-2024-45310, CVE-2026-55686.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .config import bind, mount
from .exchange import exchanging
from .proc_status import parse_mountinfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .container import Container

_RACES = 30


@pytest.fixture
def victim(directory: Path) -> Iterator[Path]:
    """A directory of the host that nothing may be made or mounted in."""
    place = directory / "victim"
    place.mkdir()
    (place / "file").write_text("of the host")
    yield place
    assert [entry.name for entry in place.iterdir()] == ["file"]
    assert (place / "file").read_text() == "of the host"


def _links(victim: Path) -> dict[str, str]:
    """Links to the victim: by its absolute path, and by steps out of the root file system."""
    return {"absolute": str(victim), "steps": f"../../../../../../..{victim}", "proc": f"/proc/1/root{victim}"}


@pytest.mark.parametrize("kind", ["absolute", "steps", "proc"])
def test_threat_c_mount_target_symlink_stays_in_root(container: Container, victim: Path, kind: str) -> None:
    (container.rootfs / "data").symlink_to(_links(victim)[kind])
    container.config["mounts"].append(mount("/data", "tmpfs", "tmpfs"))
    outcome = container.run("cat", "/proc/self/mountinfo")
    if outcome.code == 0:
        # Resolved beneath the root, where the path of the victim is just another directory.
        assert str(victim) in parse_mountinfo(outcome.out)
        assert (container.rootfs / str(victim).lstrip("/")).is_dir()


@pytest.mark.parametrize("kind", ["absolute", "steps"])
def test_threat_c_a_directory_below_a_link_is_made_in_root(container: Container, victim: Path, kind: str) -> None:
    (container.rootfs / "data").symlink_to(_links(victim)[kind])
    container.config["mounts"].append(mount("/data/new/deep", "tmpfs", "tmpfs"))
    container.run("true")
    assert not (victim / "new").exists()


@pytest.mark.parametrize("kind", ["absolute", "steps"])
def test_threat_c_a_file_behind_a_link_is_made_in_root(container: Container, victim: Path, kind: str) -> None:
    (container.rootfs / "new").symlink_to(_links(victim)[kind] + "/made")
    container.config["mounts"].append(bind("/new", "/etc/hostname"))
    container.run("true")
    assert not (victim / "made").exists()


def test_threat_c_a_destination_with_dots_stays_in_root(container: Container, victim: Path) -> None:
    container.config["mounts"].append(mount(f"/a/../../../../..{victim}/new", "tmpfs", "tmpfs"))
    container.run("true")


def test_threat_c_a_chain_of_links_stays_in_root(container: Container, victim: Path) -> None:
    (container.rootfs / "one").symlink_to("two")
    (container.rootfs / "two").symlink_to("usr/three")
    (container.rootfs / "usr/three").symlink_to(f"../..{victim}")
    container.config["mounts"].append(mount("/one/new", "tmpfs", "tmpfs"))
    container.run("true")


def test_threat_c_a_loop_of_links_is_refused(container: Container) -> None:
    (container.rootfs / "one").symlink_to("two")
    (container.rootfs / "two").symlink_to("one")
    container.config["mounts"].append(mount("/one/new", "tmpfs", "tmpfs"))
    assert container.run("true").code == 1
    assert not container.exists()


def test_threat_c_cwd_behind_a_link_is_made_in_root(container: Container, victim: Path) -> None:
    (container.rootfs / "work").symlink_to(victim)
    container.config["process"]["cwd"] = "/work/new"
    container.run("true")


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_threat_c_proc_and_sys_as_a_link_are_refused(container: Container, name: str) -> None:
    (container.rootfs / name).rmdir()
    (container.rootfs / "elsewhere").mkdir()
    (container.rootfs / name).symlink_to("/elsewhere")
    outcome = container.run("true")
    assert outcome.code == 1
    assert f"/{name}" in outcome.err
    assert not container.exists()


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_threat_c_proc_and_sys_as_a_file_are_refused(container: Container, name: str) -> None:
    (container.rootfs / name).rmdir()
    (container.rootfs / name).touch()
    assert container.run("true").code == 1


def test_threat_c_a_link_that_leads_a_mount_into_proc_is_refused(container: Container, victim: Path) -> None:
    (container.rootfs / "data").symlink_to("/proc/self")
    container.config["mounts"].append(bind("/data/attr", str(victim)))
    assert container.run("true").code == 1


def _race(container: Container, name: str, link: str) -> AbstractContextManager[None]:
    (container.rootfs / name).mkdir(exist_ok=True)
    (container.rootfs / f"{name}-link").symlink_to(link)
    return exchanging(container.rootfs / name, container.rootfs / f"{name}-link")


def test_threat_c_a_target_swapped_for_a_link_stays_in_root(container: Container, victim: Path) -> None:
    container.config["mounts"] += [mount("/data/new/deep", "tmpfs", "tmpfs"), bind("/data/made", "/etc/hostname")]
    with _race(container, "data", str(victim)):
        for _ in range(_RACES):
            container.run("true")
            assert [entry.name for entry in victim.iterdir()] == ["file"]


def test_threat_c_a_swapped_target_never_mounts_the_host(container: Container, victim: Path) -> None:
    """What is mounted on /data must never be reachable under the victim's name in the mount table of the container."""
    container.config["mounts"].append(mount("/data", "tmpfs", "tmpfs", "size=4k"))
    with _race(container, "data", f"../../../../../..{victim}"):
        inside = str(container.rootfs)
        for _ in range(_RACES):
            outcome = container.run("cat", "/proc/self/mountinfo")
            targets = parse_mountinfo(outcome.out)
            assert not any(target.startswith(inside) for target in targets)


def test_threat_c_cwd_swapped_for_a_link_stays_in_root(container: Container, victim: Path) -> None:
    container.config["process"]["cwd"] = "/data"
    with _race(container, "data", f"../../../../../..{victim}"):
        for _ in range(_RACES):
            outcome = container.run("cat", "file")
            assert "of the host" not in outcome.out
