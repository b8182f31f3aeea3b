"""The directories of a store: layout, modes, descriptors, lock."""

from __future__ import annotations

import gc
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from orlop.content.directories import StoreDirectories, names, subdirectory
from orlop.errors import KernelError


def test_the_layout_is_an_oci_layouts_and_private(root: Path) -> None:
    StoreDirectories(root)
    made = {str(path.relative_to(root)) for path in root.rglob("*")}
    assert made == {"blobs", "blobs/sha256", "blobs/sha512", "labels", "labels/sha256", "labels/sha512", "ingest"}
    assert {path.stat().st_mode & 0o777 for path in [root, *root.rglob("*")]} == {0o700}


def test_opening_again_changes_nothing(root: Path) -> None:
    StoreDirectories(root)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    StoreDirectories(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def _opened_below(root: Path) -> int:
    """How many descriptors of this process are open on the directory or in it."""
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            targets.append(descriptor.readlink())
    return sum(target.is_relative_to(root) for target in targets)


def test_descriptors_are_given_back(root: Path) -> None:
    directories = StoreDirectories(root)
    assert _opened_below(root) == 8
    directories.close()
    directories.close()
    assert _opened_below(root) == 0
    StoreDirectories(root)
    gc.collect()
    assert _opened_below(root) == 0


def test_a_directory_that_is_a_link_is_refused(root: Path, tmp_path: Path) -> None:
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "blobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KernelError, match=r'cannot open the content store .*: open "blobs": ENOTDIR'):
        StoreDirectories(root)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_in_the_roots_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KernelError, match="cannot open the content store"):
        StoreDirectories(tmp_path / "file")


def test_the_lock_keeps_threads_apart(root: Path) -> None:
    directories = StoreDirectories(root)
    order: list[str] = []
    started = threading.Event()

    def other() -> None:
        started.set()
        with directories.locked():
            order.append("other")

    with directories.locked():
        thread = threading.Thread(target=other)
        thread.start()
        assert started.wait(120)
        order.append("first")
    thread.join(120)
    assert order == ["first", "other"]


def test_names_may_be_listed_twice_at_a_time(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).touch()
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert sorted(names(descriptor)) == sorted(names(descriptor)) == ["a", "b", "c"]
        inner = subdirectory(descriptor, "d")
        os.close(inner)
        assert "d" in names(descriptor)
    finally:
        os.close(descriptor)
