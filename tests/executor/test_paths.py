"""Paths inside a root: whatever its links say, nothing outside of it is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from stat import S_IMODE

import pytest
from plan_file import O_DIRECTORY, O_PATH, Executor, Plan, new_plan, u32_blob

from orlop.plan.operations import (
    NO_SYMLINKS,
    TARGET_DIRECTORY,
    TARGET_FILE,
    TARGET_LIKE_SOURCE,
    TARGET_MUST_EXIST,
)


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


class Root:
    """A directory to be the root, beside a directory that must stay as it is."""

    def __init__(self, directory: Path) -> None:
        self.outside = directory / "outside"
        self.path = directory / "root"
        self.outside.mkdir()
        self.path.mkdir()
        (self.outside / "precious").write_text("x")

    def plan(self) -> Plan:
        plan = new_plan()
        plan.outer.add("open", fd=0, s0=str(self.path), n0=O_PATH | O_DIRECTORY)
        return plan

    def target(self, path: str, kind: int = TARGET_DIRECTORY, *, mode: int = 0o755, flags: int = 0) -> Plan:
        plan = self.plan()
        plan.outer.add("target", fd=1, at=0, s0=path, n0=mode, n1=kind, flags=flags)
        return plan

    def assert_untouched(self) -> None:
        assert names_in(self.outside) == ["precious"]


@pytest.fixture
def jail(tmp_path: Path) -> Root:
    return Root(tmp_path)


def test_missing_directories_are_made_with_the_mode(executor: Executor, jail: Root) -> None:
    executor.run(jail.target("/a/./b//c/", mode=0o1777), umask=0o077).assert_success()
    assert S_IMODE((jail.path / "a/b/c").stat().st_mode) == 0o1777
    assert S_IMODE((jail.path / "a/b").stat().st_mode) == 0o755


def test_a_missing_file_is_made_empty(executor: Executor, jail: Root) -> None:
    executor.run(jail.target("a/b", TARGET_FILE, mode=0o640)).assert_success()
    assert (jail.path / "a/b").read_bytes() == b""
    assert S_IMODE((jail.path / "a/b").stat().st_mode) == 0o640


def test_what_exists_is_opened_and_kept(executor: Executor, jail: Root) -> None:
    (jail.path / "file").write_text("kept")
    executor.run(jail.target("file", TARGET_FILE)).assert_success()
    assert (jail.path / "file").read_text() == "kept"


def test_another_kind_is_an_error(executor: Executor, jail: Root) -> None:
    (jail.path / "file").write_text("")
    (jail.path / "directory").mkdir()
    assert executor.run(jail.target("file", TARGET_DIRECTORY)).failure().errno == "ENOTDIR"
    assert executor.run(jail.target("directory", TARGET_FILE)).failure().errno == "EISDIR"
    assert executor.run(jail.target("file/below", TARGET_DIRECTORY)).failure().errno == "ENOTDIR"


def test_must_exist_makes_nothing(executor: Executor, jail: Root) -> None:
    assert executor.run(jail.target("a", TARGET_MUST_EXIST)).failure().errno == "ENOENT"
    assert names_in(jail.path) == []


@pytest.mark.parametrize("is_directory", [True, False])
def test_like_the_source(executor: Executor, jail: Root, is_directory: bool) -> None:
    source = jail.outside if is_directory else jail.outside / "precious"
    plan = jail.plan()
    plan.outer.add("open", fd=7, s0=str(source), n0=O_PATH)
    plan.outer.add("target", fd=1, at=0, s0="made", n0=0o755, n1=TARGET_LIKE_SOURCE | 7 << 8)
    executor.run(plan).assert_success()
    assert (jail.path / "made").is_dir() == is_directory


@pytest.mark.parametrize(
    ("link", "points_to"),
    [
        ("absolute", "/somewhere/else"),
        ("relative", "some/where"),
        ("up", "../../../../elsewhere"),
        ("up-absolute", "/../../up"),
        ("host", "{outside}/new"),
        ("last", "gone"),
    ],
)
@pytest.mark.parametrize("kind", [TARGET_DIRECTORY, TARGET_FILE])
def test_dangling_links_resolve_in_the_root(
    executor: Executor, jail: Root, link: str, points_to: str, kind: int
) -> None:
    (jail.path / link).symlink_to(points_to.format(outside=jail.outside))
    executor.run(jail.target(f"{link}/below", kind)).assert_success()
    executor.run(jail.target(f"{link}/below", kind)).assert_success()
    jail.assert_untouched()
    (jail.path / "last").unlink(missing_ok=True)
    (jail.path / "last").symlink_to("deep/file")
    executor.run(jail.target("last", kind)).assert_success()
    assert (jail.path / "deep/file").is_dir() == (kind == TARGET_DIRECTORY)


def test_links_that_exist_lead_inside(executor: Executor, jail: Root) -> None:
    (jail.path / "host").symlink_to(jail.outside)
    (jail.path / "up").symlink_to("../outside")
    for name in ("host", "up"):
        executor.run(jail.target(f"{name}/made")).assert_success()
    jail.assert_untouched()


def test_circles_end(executor: Executor, jail: Root) -> None:
    (jail.path / "a").symlink_to("b")
    (jail.path / "b").symlink_to("a")
    (jail.path / "grow").symlink_to("grow/x")
    assert executor.run(jail.target("a/c")).failure().errno == "ELOOP"
    assert executor.run(jail.target("grow/c")).failure().errno == "ELOOP"


def test_magic_links_are_refused(executor: Executor, jail: Root) -> None:
    (jail.path / "proc").symlink_to("/proc")
    plan = new_plan()
    plan.outer.add("open", fd=0, s0="/", n0=O_PATH | O_DIRECTORY)
    plan.outer.add("target", fd=1, at=0, s0="/proc/self/root/tmp", n1=TARGET_DIRECTORY)
    assert executor.run(plan).failure().errno == "ELOOP"


@pytest.mark.parametrize("points_to", ["real", "gone", "/"])
def test_no_symlinks_refuses_any(executor: Executor, jail: Root, points_to: str) -> None:
    """CVE-2019-19921, CVE-2026-41579: /proc, /sys and /dev must be what they are called."""
    (jail.path / "real").mkdir()
    (jail.path / "dev").symlink_to(points_to)
    assert executor.run(jail.target("dev", flags=NO_SYMLINKS)).failure().errno == "ELOOP"
    assert executor.run(jail.target("dev/pts", flags=NO_SYMLINKS)).failure().errno == "ELOOP"
    assert names_in(jail.path) == ["dev", "real"]


def test_long_paths_are_an_error(executor: Executor, jail: Root) -> None:
    assert executor.run(jail.target("x" * 256)).failure().errno == "ENAMETOOLONG"
    assert executor.run(jail.target("/x" * 3000)).failure().errno == "ENAMETOOLONG"


_SWAPPER = """
import os, sys
root, outside = sys.argv[1:]
os.chdir(root)
os.mkdir("a"); os.mkdir("a/b"); os.symlink(outside, "link"); os.symlink("../outside", "up"); os.mkdir("empty")
print("ready", flush=True)
while True:
    for other in ("link", "up", "empty"):
        try:
            os.rename("a", "aside"); os.rename(other, "a"); os.rename("a", other); os.rename("aside", "a")
            os.rename("a/b", "a/c"); os.rename("a/c", "a/b")
        except OSError:
            pass
"""


def test_a_swapping_process_cannot_lead_out(executor: Executor, jail: Root) -> None:
    """CVE-2021-30465, CVE-2024-45310: the path changes between any two steps."""
    plan = jail.plan()
    for number in range(60):
        plan.outer.add("target", fd=1, at=0, s0=f"a/b/new{number}/x", n0=0o755, n1=TARGET_DIRECTORY, flags=8)
        plan.outer.add("target", fd=1, at=0, s0=f"a/file{number}", n0=0o644, n1=TARGET_FILE, flags=8)
        plan.outer.add("mknod", at=0, s0=f"a/node{number}", n0=0o020666, n1=0x103, flags=8)
        plan.outer.add("symlink", at=0, s0=f"a/link{number}", s1="/", flags=8)
    swapper = subprocess.Popen([sys.executable, "-c", _SWAPPER, jail.path, jail.outside], stdout=subprocess.PIPE)
    assert swapper.stdout is not None
    try:
        assert swapper.stdout.readline() == b"ready\n"
        for _ in range(10):
            executor.run(plan)
    finally:
        swapper.kill()
        swapper.wait()
        swapper.stdout.close()
    jail.assert_untouched()


def test_a_device_node_is_made_with_parents_mode_and_owner(executor: Executor, jail: Root) -> None:
    plan = jail.plan()
    plan.outer.add("mknod", at=0, s0="/dev/sub/null", n0=0o020666, n1=0x103, blob=u32_blob(7, 8))
    executor.run(plan, umask=0o077).assert_success()
    found = (jail.path / "dev/sub/null").stat()
    assert (found.st_mode, found.st_rdev, found.st_uid, found.st_gid) == (0o020666, 0x103, 7, 8)
    executor.run(plan).assert_success()  # again: the same node


@pytest.mark.parametrize("there", ["file", "link", "directory", "other"])
def test_a_name_that_is_no_such_device_is_refused(executor: Executor, jail: Root, there: str) -> None:
    node = jail.path / "null"
    if there == "file":
        node.write_text("")
    elif there == "link":
        node.symlink_to("/dev/null")
    elif there == "directory":
        node.mkdir()
    else:
        os.mknod(node, 0o020666, 0x105)
    plan = jail.plan()
    plan.outer.add("mknod", at=0, s0="null", n0=0o020666, n1=0x103, blob=u32_blob(7, 8))
    assert executor.run(plan).failure().errno == "EEXIST"
    assert os.lstat(node).st_uid == 0


def test_symlink_leaves_an_existing_name_alone(executor: Executor, jail: Root) -> None:
    (jail.path / "file").write_text("kept")
    plan = jail.plan()
    plan.outer.add("symlink", at=0, s0="file", s1="/x")
    plan.outer.add("symlink", at=0, s0="dev/fd", s1="/proc/self/fd")
    executor.run(plan).assert_success()
    assert (jail.path / "file").read_text() == "kept"
    assert (jail.path / "dev/fd").readlink() == Path("/proc/self/fd")
