"""Paths of a root file system that is not trusted: nothing leads out of it, and only files are opened."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, InvalidArgument
from orlop.linux.root_open import LINKS_MAX, RootDirectory
from trees import same_fds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root file system; beside it lies what must not be reached."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("outside")
    rootfs = tmp_path / "rootfs"
    (rootfs / "etc").mkdir(parents=True)
    (rootfs / "etc/passwd").write_text("inside")
    (rootfs / "a/b").mkdir(parents=True)
    return rootfs


@pytest.fixture
def root(tree: Path) -> Iterator[RootDirectory]:
    with same_fds(), RootDirectory(tree) as directory:
        yield directory


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("", "/"),
        ("//a/./b/", "/a/b"),
        ("a/../..", "/"),
        ("/../../../etc/passwd", "/etc/passwd"),
        ("/nothing/at/all", "/nothing/at/all"),
        ("/a/nothing/../b", "/a/b"),
        ("/nothing/../../etc", "/etc"),
        ("/nothing/../a/nothing", "/a/nothing"),
    ],
)
def test_a_path_is_resolved(root: RootDirectory, path: str, expected: str) -> None:
    resolved, _ = root.resolve(path)
    assert resolved == expected


def test_what_is_there_is_told(root: RootDirectory) -> None:
    for path, is_kind in (("/a", stat.S_ISDIR), ("/etc/passwd", stat.S_ISREG)):
        _, status = root.resolve(path)
        assert status is not None
        assert is_kind(status.st_mode)
    assert root.resolve("/a/nothing")[1] is None


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/etc/passwd", "/etc/passwd"),
        ("../etc/passwd", "/etc/passwd"),
        ("../../../../../../etc/passwd", "/etc/passwd"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("b/../../etc//passwd", "/etc/passwd"),
        ("nothing", "/a/nothing"),
        ("/proc/self/fd/0", "/proc/self/fd/0"),
    ],
)
def test_threat_j_a_link_leads_inside(root: RootDirectory, tree: Path, target: str, expected: str) -> None:
    (tree / "a/link").symlink_to(target)
    assert root.resolve("/a/link")[0] == expected
    assert root.read_file("/a/link", max_bytes=100) == (b"inside" if expected == "/etc/passwd" else None)


def test_threat_j_a_linked_directory_leads_inside(root: RootDirectory, tree: Path) -> None:
    (tree / "a/up").symlink_to("../..")
    (tree / "a/abs").symlink_to("/a/up")
    assert root.read_file("/a/up/etc/passwd", max_bytes=100) == b"inside"
    assert root.read_file("/a/abs/../etc/passwd", max_bytes=100) == b"inside"


def test_links_that_never_end_are_refused(root: RootDirectory, tree: Path) -> None:
    (tree / "loop").symlink_to("loop")
    with pytest.raises(FailedPrecondition, match=r"^/loop: leads through more than 40 symbolic links$"):
        root.resolve("/loop")
    (tree / "link0").symlink_to("/a")
    for number in range(LINKS_MAX):
        (tree / f"link{number + 1}").symlink_to(f"link{number}")
    assert root.resolve(f"/link{LINKS_MAX - 1}")[0] == "/a"
    with pytest.raises(FailedPrecondition, match="symbolic links"):
        root.resolve(f"/link{LINKS_MAX}")


def test_links_that_make_a_path_long_are_refused(root: RootDirectory, tree: Path) -> None:
    (tree / "long").symlink_to("./" * 2000 + "long")
    with pytest.raises(FailedPrecondition, match=r"too many parts|symbolic links"):
        root.resolve("/long")


def test_a_path_through_a_file_is_refused(root: RootDirectory) -> None:
    with pytest.raises(FailedPrecondition, match=r"^/etc/passwd/x: /etc/passwd is not a directory$"):
        root.resolve("/etc/passwd/x")


@pytest.mark.parametrize("path", ["/a\0b", "/" + "x" * 4096])
def test_what_the_kernel_would_not_take_is_refused(root: RootDirectory, path: str) -> None:
    with pytest.raises(InvalidArgument, match="a path has at most 4095 bytes, and no NUL"):
        root.resolve(path)


def test_a_name_that_is_too_long_is_refused(root: RootDirectory) -> None:
    with pytest.raises(FailedPrecondition, match="File name too long"):
        root.resolve("/" + "x" * 256)


def test_threat_i_a_file_is_bounded(root: RootDirectory, tree: Path) -> None:
    (tree / "file").write_bytes(b"12345")
    assert root.read_file("/file", max_bytes=5) == b"12345"
    with pytest.raises(FailedPrecondition, match=r"^/file: has more than 4 bytes$"):
        root.read_file("/file", max_bytes=4)


def test_only_files_are_opened(root: RootDirectory, tree: Path) -> None:
    os.mkfifo(tree / "fifo")
    for path in ("/a", "/fifo"):
        with pytest.raises(FailedPrecondition, match=f"^{path}: is not a regular file$"):
            root.read_file(path, max_bytes=10)
    assert root.read_file("/nothing", max_bytes=10) is None


@pytest.mark.needs_root
def test_a_device_is_not_opened(root: RootDirectory, tree: Path) -> None:
    os.mknod(tree / "passwd", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # zero: it would never end
    with pytest.raises(FailedPrecondition, match="is not a regular file"):
        root.read_file("/passwd", max_bytes=10)


def test_threat_j_no_swap_leads_out(root: RootDirectory, tree: Path) -> None:
    """A directory becomes a link to the outside and back, all the time."""
    (tree / "x").mkdir()
    (tree / "x/passwd").write_text("inside")
    (tree / "y").symlink_to("../etc")
    end = threading.Event()

    def swap() -> None:
        while not end.is_set():
            for source, target in (("x", "z"), ("y", "x"), ("x", "y"), ("z", "x")):
                (tree / source).rename(tree / target)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        found = {root.read_file("/x/passwd", max_bytes=100) for _ in range(3000)}
    finally:
        end.set()
        thread.join()
    assert b"inside" in found
    assert found <= {b"inside", None}
