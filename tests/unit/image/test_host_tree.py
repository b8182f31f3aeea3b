"""Files of the host, with the links and directories that lead to them."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from orlop.archive.contract import Entry, EntryType
from orlop.archive.tar_writer import TarWriter
from orlop.errors import InvalidArgument, KernelError, NotFound
from orlop.image.host_tree import HostTree, files_below

if TYPE_CHECKING:
    from pathlib import Path


def _members(tree: HostTree, below: Path | str = "") -> dict[str, tarfile.TarInfo]:
    """What the tree writes, by paths relative to a directory of the host."""
    out = io.BytesIO()
    tar = TarWriter(out.write)
    tree.write(tar)
    tar.close()
    out.seek(0)
    prefix = f"{below}/".lstrip("/")
    with tarfile.open(fileobj=out) as archive:
        return {one.name.removeprefix(prefix): one for one in archive.getmembers() if one.name.startswith(prefix)}


def test_a_file_comes_with_its_directories(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o750)
    (tmp_path / "a/file").write_bytes(b"content")
    (tmp_path / "a/file").chmod(0o4711)
    (tmp_path / "a/other").touch()
    tree = HostTree()
    assert tree.add(str(tmp_path / "a" / "." / ".." / "a" / "file")) == str(tmp_path / "a/file")
    members = _members(tree, tmp_path)
    assert list(members) == ["a", "a/file"]
    assert (members["a"].mode, members["a"].mtime) == (0o750, 0)
    assert (members["a/file"].mode, members["a/file"].size) == (0o4711, 7)
    assert str(tmp_path / "a/file")[1:].encode() in tree
    parents = [name for name in _members(tree) if str(tmp_path)[1:].startswith(name)]
    assert len(parents) == len(tmp_path.parts) - 1


def test_links_on_the_way_are_kept_and_followed(tmp_path: Path) -> None:
    (tmp_path / "real/deep").mkdir(parents=True)
    (tmp_path / "real/deep/file").write_bytes(b"x")
    (tmp_path / "absolute").symlink_to(tmp_path / "real")
    (tmp_path / "relative").symlink_to("absolute/deep/../deep")
    (tmp_path / "name").symlink_to("relative/file")
    tree = HostTree()
    assert tree.add(str(tmp_path / "name")) == str(tmp_path / "real/deep/file")
    members = _members(tree, tmp_path)
    assert sorted(members) == ["absolute", "name", "real", "real/deep", "real/deep/file", "relative"]
    assert members["name"].linkname == "relative/file"
    assert members["absolute"].linkname == str(tmp_path / "real")
    assert members["relative"].mtime == 0


def test_a_last_link_may_be_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    tree = HostTree()
    assert tree.add(str(tmp_path / "dangling"), follow_last=False) == str(tmp_path / "dangling")
    assert list(_members(tree, tmp_path)) == ["dangling"]
    with pytest.raises(NotFound, match=f"{tmp_path}/dangling: {tmp_path}/nowhere: there is no such file"):
        tree.add(str(tmp_path / "dangling"))


def test_names_of_one_file_stay_one_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    os.link(tmp_path / "a", tmp_path / "b")
    tree = HostTree()
    tree.add(str(tmp_path / "b"))
    tree.add(str(tmp_path / "a"))
    assert _members(tree, tmp_path)["b"].type == tarfile.LNKTYPE


@pytest.mark.parametrize("name", ["none", "file/inside", "none/inside"])
def test_what_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotFound, match=f"{tmp_path}/{name}.*: there is no such file"):
        HostTree().add(str(tmp_path / name))


def test_links_that_go_round_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InvalidArgument, match=f"{tmp_path}/a: links go round at {tmp_path}/[ab]"):
        HostTree().add(str(tmp_path / "a"))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InvalidArgument, match="fifo: is neither file, directory nor link; leave it out"):
        HostTree().add(str(tmp_path / "fifo"))


def test_content_of_our_own_yields_to_the_hosts(tmp_path: Path) -> None:
    path = str(tmp_path)[1:].encode()
    tree = HostTree()
    tree.add(str(tmp_path))
    for name in (b"", b"/own"):
        tree.add_content(Entry(path=path + name, type=EntryType.FILE, mode=0o600, uid=7, gid=8, size=3), b"own")
    members = _members(tree, tmp_path.parent)
    assert members[tmp_path.name].isdir()
    assert (members[f"{tmp_path.name}/own"].size, members[f"{tmp_path.name}/own"].uid) == (3, 7)


def test_a_directorys_files_are_listed_without_following(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").touch()
    (tmp_path / "link").symlink_to("a")
    found = sorted(path.removeprefix(f"{tmp_path}/") for path in files_below(str(tmp_path)))
    assert found == ["a", "a/b", "a/b/c", "link"]
    with pytest.raises(KernelError, match=f"cannot read {tmp_path}/none: open {tmp_path}/none: ENOENT"):
        list(files_below(str(tmp_path / "none")))
