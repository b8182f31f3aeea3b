"""Directories that a layer has no entry of get what lower layers say; all else stays as it was."""

from __future__ import annotations

import io
import stat

import pytest

from erofs_entries import directory, entry, image_of, link
from erofs_reader import Image, Inode
from orlop.archive.contract import EntryType
from orlop.archive.erofs_format import CHECKSUM, CHECKSUM_OFFSET, META_OFFSET, ROOM_XATTRS, SUPER_OFFSET, crc32c
from orlop.archive.index_file import DirectoryAttributes, IndexFile, SymbolicLinkError
from orlop.errors import FailedPrecondition, InvalidArgument, NotImplementedFeature

ENTRIES = [
    directory("opt", xattrs={b"user.k": b"v"}, mtime_ns=7),
    *(directory(f"opt/{number:0200}") for number in range(9)),
    entry("opt/zz/tmp/f"),
    entry("opt/zz/tmp/.wh..wh..opq"),
    entry("opt/zz/var/f"),
    entry("opt/file"),
    link("opt/link", "zz"),
]
XATTRS = {b"user.a": b"1", b"user.long": b"2" * 5000, b"security.x": b"3"}
OTHER = DirectoryAttributes(mode=0o1777, uid=70_000, gid=5, mtime_ns=-1, xattrs=XATTRS)


def _patched(*paths: bytes, attributes: DirectoryAttributes = OTHER, times: int = 1) -> bytes:
    file = io.BytesIO(image_of(ENTRIES))
    for _ in range(times):
        index = IndexFile(file)
        for path in paths:
            index.set_attributes(path, attributes)
        index.finish()
    return file.getvalue()


def test_attributes_are_set_and_nothing_else() -> None:
    before, after = Image(image_of(ENTRIES), b"").paths, Image(_patched(b"opt/zz/tmp", b"opt/zz/var"), b"").paths
    for path, marks in (("opt/zz/tmp", {"trusted.overlay.opaque": b"y"}), ("opt/zz/var", {})):
        changed = after.pop(path)
        assert (changed.mode, changed.uid, changed.gid, changed.mtime_ns) == (stat.S_IFDIR | 0o1777, 70_000, 5, -1)
        assert changed.xattrs == {name.decode(): value for name, value in XATTRS.items()} | marks
        del before[path]
    assert after == before


def test_the_image_is_whole_when_it_is_longer() -> None:
    data = _patched(b"opt/zz/var")
    image = Image(data, b"")
    assert len(data) % 4096 == 0
    assert image.mapped_block == image.blocks == len(data) // 512
    block = bytearray(data[SUPER_OFFSET:META_OFFSET])
    CHECKSUM.pack_into(block, CHECKSUM_OFFSET - SUPER_OFFSET, 0)
    assert image.checksum == crc32c(block)


def test_what_two_directories_share_stands_there_once() -> None:
    assert len(_patched(b"opt/zz/tmp", b"opt/zz/var", b"opt/zz", b"")) == len(_patched(b"opt/zz"))


def test_without_extended_attributes_the_image_keeps_its_size() -> None:
    plain = DirectoryAttributes(mode=0o700, uid=1, gid=2, mtime_ns=3)
    assert len(_patched(b"opt/zz/tmp", attributes=plain)) == len(image_of(ENTRIES))


def test_a_second_time_replaces_the_first() -> None:
    once, twice = (Image(_patched(b"opt/zz/tmp", times=times), b"").paths for times in (1, 2))
    assert once == twice


def test_the_root_can_be_set() -> None:
    assert Image(_patched(b""), b"").paths[""].mode == stat.S_IFDIR | 0o1777


def test_what_was_set_is_seen() -> None:
    index = IndexFile(io.BytesIO(_patched(b"opt/zz/tmp", b"opt/zz/var")))
    assert index.look(b"opt/zz/var") == OTHER
    assert index.look(b"opt/zz/tmp").is_opaque
    assert index.look(b"opt/zz/tmp").xattrs == XATTRS


def test_directories_with_an_entry_are_seen_too() -> None:
    index = IndexFile(io.BytesIO(image_of(ENTRIES)))
    assert index.look(b"opt") == DirectoryAttributes(mode=0o755, uid=0, gid=0, mtime_ns=7, xattrs={b"user.k": b"v"})
    for number in range(9):
        assert index.look(b"opt/%0200d" % number).mode == 0o755


@pytest.mark.parametrize("path", [b"nothing", b"opt/nothing", b"opt/zzz", b"!"])
def test_what_is_missing_is_not_found(path: bytes) -> None:
    with pytest.raises(FileNotFoundError):
        IndexFile(io.BytesIO(image_of(ENTRIES))).look(path)


@pytest.mark.parametrize("path", [b"opt/file", b"opt/zz/tmp/f", b"opt/file/x", b"opt/link", b"opt/link/tmp"])
def test_what_is_no_directory_is_told(path: bytes) -> None:
    with pytest.raises(NotADirectoryError):
        _patched(path)


@pytest.mark.parametrize("path", [b"opt", b"opt/%0200d" % 0])
def test_a_directory_with_an_entry_stays(path: bytes) -> None:
    with pytest.raises(FailedPrecondition, match="the layer itself says"):
        _patched(path)


@pytest.mark.parametrize(
    ("xattrs", "why"),
    [
        ({b"user.%d" % number: b"" for number in range(ROOM_XATTRS + 1)}, "65 extended attributes; the most are 64"),
        ({b"system.other": b""}, "only user, trusted, security"),
    ],
)
def test_what_has_no_room_is_refused_with_a_way_out(xattrs: dict[bytes, bytes], why: str) -> None:
    attributes = DirectoryAttributes(mode=0o755, uid=0, gid=0, mtime_ns=0, xattrs=xattrs)
    with pytest.raises(NotImplementedFeature, match=why) as caught:
        _patched(b"opt/zz/var", attributes=attributes)
    assert "--snapshotter overlayfs" in caught.value.hint


def test_as_many_attributes_as_there_is_room_for() -> None:
    xattrs = {b"user.%d" % number: b"%d" % number for number in range(ROOM_XATTRS)}
    attributes = DirectoryAttributes(mode=0o755, uid=0, gid=0, mtime_ns=0, xattrs=xattrs)
    paths = Image(_patched(b"opt/zz/tmp", b"opt/zz", attributes=attributes), b"").paths
    assert len(paths["opt/zz/tmp"].xattrs) == ROOM_XATTRS + 1
    assert len(paths["opt/zz"].xattrs) == ROOM_XATTRS


@pytest.mark.parametrize("data", [b"", bytes(4096)])
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="no EROFS image"):
        IndexFile(io.BytesIO(data))


_DELETIONS = [
    directory("own", xattrs={b"user.k": b"v"}, mtime_ns=7),
    *(entry(f"own/.wh.{number:0100}") for number in range(50)),
    entry("own/f"),
    entry("own/sub/.wh.x"),
    entry("own/null", EntryType.CHARACTER_DEVICE, device=(1, 3)),
    entry(".wh.gone"),
]


def _without_deletions(*paths: bytes) -> dict[str, Inode]:
    file = io.BytesIO(image_of(_DELETIONS))
    index = IndexFile(file)
    for path in paths:
        index.drop_deletions(path)
    index.set_attributes(b"own/sub", OTHER)
    index.finish()
    assert len(file.getvalue()) % 4096 == 0
    for path in paths:  # it is there, and nothing of it has to go any more
        IndexFile(file).look(path)
        IndexFile(file).drop_deletions(path)
    return Image(file.getvalue(), b"").paths


def test_deletions_leave_a_directory_and_nothing_else_does() -> None:
    before, after = Image(image_of(_DELETIONS), b"").paths, _without_deletions(b"own", b"own/sub", b"")
    gone = {path for path in before if path not in after}
    assert gone == {"gone", "own/sub/x", *(f"own/{number:0100}" for number in range(50))}
    assert (after["own"].mode, after["own"].mtime_ns, after["own"].xattrs) == (
        stat.S_IFDIR | 0o755,
        7,
        {"user.k": b"v"},
    )
    assert (after["own/sub"].mode, after["own/sub"].mtime_ns) == (stat.S_IFDIR | 0o1777, -1)
    assert stat.S_ISCHR(after["own/null"].mode)


def test_deletions_of_other_directories_stay() -> None:
    assert {"gone", "own/sub/x"} <= _without_deletions(b"own").keys()
    assert "own/f" in _without_deletions(b"")


def test_a_symbolic_link_is_told_from_other_things() -> None:
    index = IndexFile(io.BytesIO(image_of(ENTRIES)))
    for path in (b"opt/link", b"opt/link/below"):
        with pytest.raises(SymbolicLinkError):
            index.look(path)
    with pytest.raises(NotADirectoryError) as caught:
        index.look(b"opt/file")
    assert not isinstance(caught.value, SymbolicLinkError)
