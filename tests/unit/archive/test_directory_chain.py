"""Directories are opened by fd beneath the root, links resolved by hand, few fds, times kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.archive.directory_chain import Directory, DirectoryChain
from orlop.errors import InvalidArgument
from trees import open_fds, same_fds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _make(parent: Directory, name: bytes) -> None:
    os.mkdir(name, dir_fd=parent.fd)
    parent.is_dirty = True


@pytest.fixture
def root_fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.fixture
def chain(root_fd: int) -> Iterator[DirectoryChain]:
    with same_fds():
        chain = DirectoryChain(root_fd, make=_make)
        yield chain
        chain.close()


def _is(directory: Directory, path: Path) -> bool:
    return os.path.samestat(os.fstat(directory.fd), path.stat())


def test_the_same_path_is_the_same_fd(chain: DirectoryChain, tmp_path: Path) -> None:
    first = chain.enter(b"a/b")
    assert chain.enter(b"a/b") is first
    assert _is(first, tmp_path / "a" / "b")
    assert first.path == b"a/b"
    assert chain.enter(b"") is chain.root


def test_what_paths_share_stays_open(chain: DirectoryChain) -> None:
    shared = chain.enter(b"a/b")
    chain.enter(b"a/b/c/d")
    assert chain.enter(b"a/b") is shared


def test_fds_are_few_however_deep_it_goes(chain: DirectoryChain, tmp_path: Path) -> None:
    before = len(open_fds())
    deep = b"/".join([b"d"] * 500)
    assert _is(chain.enter(deep), tmp_path / deep.decode())
    assert len(open_fds()) - before <= 66
    for depth in (490, 300, 20, 499, 1):
        path = b"/".join([b"d"] * depth)
        directory = chain.enter(path)
        assert directory.path == path
        assert _is(directory, tmp_path / path.decode())


@pytest.mark.parametrize(
    ("links", "path", "wanted"),
    [
        ({"l": "a/b"}, b"l/c", "a/b/c"),
        ({"l": "/a/b"}, b"l", "a/b"),
        ({"a/l": "b"}, b"a/l/c", "a/b/c"),
        ({"a/l": "../x"}, b"a/l/c", "x/c"),
        ({"a/l": "../../../x"}, b"a/l", "x"),
        ({"a/l": "/../.."}, b"a/l/y", "y"),
        ({"l": "m", "m": "n", "n": "a"}, b"l/b/l2", "a/b/l2"),
        ({"a/l": "./b/../b/./c"}, b"a/l", "a/b/c"),
        ({"l": "missing/dir"}, b"l/e", "missing/dir/e"),
    ],
)
def test_links_are_resolved_beneath_the_root(
    links: dict[str, str], path: bytes, wanted: str, chain: DirectoryChain, tmp_path: Path
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    directory = chain.enter(path)
    assert _is(directory, tmp_path / wanted)
    assert directory.path == wanted.encode()


def test_a_circle_of_links_is_refused(chain: DirectoryChain, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InvalidArgument, match='path: "a" goes through too many links'):
        chain.enter(b"a/c")


def test_a_part_that_is_no_directory_is_refused(chain: DirectoryChain, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument, match='path: "file" is no directory; something stands beneath it'):
        chain.enter(b"file/c")


def test_a_missing_directory_is_an_error_where_none_is_made(root_fd: int) -> None:
    chain = DirectoryChain(root_fd, make=None)
    try:
        with pytest.raises(InvalidArgument, match='the directory "a" does not exist'):
            chain.enter(b"a/b")
    finally:
        chain.close()


def test_a_changed_directory_keeps_its_time(chain: DirectoryChain, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for path in (tmp_path / "a" / "b", tmp_path / "a", tmp_path):
        os.utime(path, ns=(1, 1_000_000_000_000_000_001))
    chain.enter(b"a/b/c")
    (tmp_path / "a" / "new").touch()
    chain.enter(b"a").is_dirty = True
    chain.enter(b"")
    assert (tmp_path / "a" / "b").stat().st_mtime_ns == 1_000_000_000_000_000_001
    assert (tmp_path / "a").stat().st_mtime_ns == 1_000_000_000_000_000_001


def test_forget_looks_everything_up_again(chain: DirectoryChain, tmp_path: Path) -> None:
    chain.enter(b"a/b")
    (tmp_path / "a").rename(tmp_path / "old")
    chain.forget()
    assert _is(chain.enter(b"a/b"), tmp_path / "a" / "b")
