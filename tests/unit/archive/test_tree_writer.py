"""A tree of every kind of file, as the entries of a tar."""

from __future__ import annotations

import io
import os
import socket
import stat
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest

from orlop.archive.tar_writer import TarWriter
from orlop.archive.tree_writer import TreeWriter
from orlop.errors import FailedPrecondition, KernelError


def _archive(*roots: Path) -> bytes:
    out = io.BytesIO()
    tar = TarWriter(out.write)
    trees = TreeWriter(tar)
    for number, root in enumerate(roots):
        trees.add_tree(root, path=b"tree%d" % number if number else b"")
    tar.close()
    return out.getvalue()


def _open_below(root: Path) -> int:
    """How many descriptors of this process are open on the directory or in it."""
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            targets.append(descriptor.readlink())
    return sum(target.is_relative_to(root) for target in targets)


def _members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {one.name: one for one in archive.getmembers()}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir(mode=0o755)
    (root / "b").mkdir(mode=0o750)
    (root / "b" / "file").write_bytes(b"content" * 1000)
    (root / "a").write_bytes(b"")
    (root / "z").symlink_to("/etc/passwd")
    (root / "dir-link").symlink_to("b")
    os.link(root / "b" / "file", root / "linked")
    os.mkfifo(root / "fifo", 0o600)
    (root / "b" / "file").chmod(0o4755)
    os.utime(root / "b" / "file", ns=(0, 1_600_000_000_123_456_789))
    return root


def test_a_tree_is_written_in_order_without_following(tree: Path) -> None:
    members = _members(_archive(tree))
    assert list(members) == [".", "a", "b", "b/file", "dir-link", "fifo", "linked", "z"]
    found = members["b/file"]
    status = (tree / "b" / "file").lstat()
    assert (found.size, found.mode, found.uid, found.gid) == (7000, 0o4755, status.st_uid, status.st_gid)
    assert found.pax_headers["mtime"] == "1600000000.123456789"
    assert members["b"].mode == 0o750
    assert (members["linked"].type, members["linked"].linkname) == (tarfile.LNKTYPE, "b/file")
    assert (members["z"].type, members["z"].linkname) == (tarfile.SYMTYPE, "/etc/passwd")
    assert (members["dir-link"].type, members["dir-link"].linkname) == (tarfile.SYMTYPE, "b")
    assert members["fifo"].type == tarfile.FIFOTYPE


def test_the_same_tree_gives_the_same_bytes(tree: Path) -> None:
    assert _archive(tree) == _archive(tree)


def test_content_is_whole(tree: Path) -> None:
    (tree / "large").write_bytes(bytes(range(256)) * 10_000)
    with tarfile.open(fileobj=io.BytesIO(_archive(tree))) as archive:
        file = archive.extractfile("large")
        assert file is not None
        assert file.read() == bytes(range(256)) * 10_000


def test_hard_links_are_known_across_trees(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    os.link(tree / "b" / "file", other / "again")
    assert _members(_archive(tree, other))["tree1/again"].linkname == "b/file"


def test_attributes_that_mean_something_elsewhere_are_kept(tree: Path) -> None:
    os.setxattr(tree / "a", "user.key", b"\x00\xff")
    os.setxattr(tree / "b", "user.dir", b"1")
    os.setxattr(tree / "a", "user.overlay.opaque", b"y")
    data = _archive(tree)
    assert b" SCHILY.xattr.user.key=\x00\xff\n" in data
    assert _members(data)["b"].pax_headers == {
        "SCHILY.xattr.user.dir": "1",
        "mtime": _members(data)["b"].pax_headers["mtime"],
    }
    assert b"overlay" not in data


@pytest.mark.needs_root
def test_capabilities_and_devices_are_written(tree: Path) -> None:
    capability = bytes.fromhex("0100000202200000000000000000000000000000")
    os.setxattr(tree / "a", "security.capability", capability)
    os.mknod(tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    data = _archive(tree)
    assert b"SCHILY.xattr.security.capability=" + capability in data
    device = _members(data)["null"]
    assert (device.type, device.devmajor, device.devminor) == (tarfile.CHRTYPE, 1, 3)


def test_sockets_are_left_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)  # a short name: a socket's path has 108 bytes at most
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        assert "socket" not in _members(_archive(tree))


def test_a_deep_tree_is_no_matter_of_recursion(tmp_path: Path) -> None:
    depth = 400
    root = tmp_path / "deep"
    descriptor = -1
    root.mkdir()
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    assert "/".join(["d"] * depth) in _members(_archive(root))
    assert _open_below(tmp_path) == 0


@pytest.mark.parametrize("change", [b"", b"shorter", b"longer" * 5000])
def test_a_file_that_changes_its_size_meanwhile_is_an_error(
    tree: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    real = os.pread

    def change_first(descriptor: int, length: int, offset: int) -> bytes:
        monkeypatch.setattr(os, "pread", real)
        (tree / "b" / "file").write_bytes(change)
        return real(descriptor, length, offset)

    (tree / "a").unlink()  # the first that is read is b/file
    monkeypatch.setattr(os, "pread", change_first)
    with pytest.raises(FailedPrecondition, match='"b/file" to a tar: its content is not of the 7000 bytes it had'):
        _archive(tree)
    assert _open_below(tree) == 0


def test_what_cannot_be_read_is_named(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KernelError, match=r'cannot archive a tree: read ".*/none": ENOENT'):
        _archive(tmp_path / "none")

    def fail(_descriptor: int, _length: int, _offset: int) -> bytes:
        raise OSError(5, "broken")

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(KernelError, match='cannot archive a tree: read "a": EIO'):
        _archive(tree)
