"""Directories that a layer has no entry of get what lower layers say; all else stays as it was."""

from __future__ import annotations

import io
import stat

import pytest

from erofs_entries import directory, entry, image_of, link
from erofs_reader import Image
from orlop.archive.erofs_format import CHECKSUM, CHECKSUM_OFFSET, META_OFFSET, ROOM_XATTRS, SUPER_OFFSET, crc32c
from orlop.archive.index_file import DirectoryAttributes, IndexFile
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
