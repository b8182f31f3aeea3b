"""Entries, their data and where they stand; tests/hostile has what is refused."""

from __future__ import annotations

import io
import tarfile

import pytest

from orlop.archive.contract import Entry, EntryType, Limits
from orlop.archive.tar_reader import TarReader
from orlop.errors import InvalidArgument
from tar_bytes import END, GNU, V7, base256, directory, file, hard_link, header, long_name, pax, symlink


def _entries(archive: bytes) -> list[Entry]:
    return list(TarReader(io.BytesIO(archive).read))


def _one(archive: bytes) -> Entry:
    (entry,) = _entries(archive)
    return entry


def test_the_kinds_of_entries() -> None:
    archive = b"".join([
        file(b"f", b"data"), directory(b"d/"),
        symlink(b"s", b"../any/thing"), hard_link(b"h", b"./f"),
        header(b"c", b"3", device=(1, 3)), header(b"b", b"4", device=(8, 1)), header(b"p", b"6"),
        header(b"x", b"7"), END,
    ])  # fmt: skip
    found = [(one.path, one.type, one.link_target, one.device) for one in _entries(archive)]
    assert found == [
        (b"f", EntryType.FILE, b"", (0, 0)),
        (b"d", EntryType.DIRECTORY, b"", (0, 0)),
        (b"s", EntryType.SYMLINK, b"../any/thing", (0, 0)),
        (b"h", EntryType.HARD_LINK, b"f", (0, 0)),
        (b"c", EntryType.CHARACTER_DEVICE, b"", (1, 3)),
        (b"b", EntryType.BLOCK_DEVICE, b"", (8, 1)),
        (b"p", EntryType.FIFO, b"", (0, 0)),
        (b"x", EntryType.FILE, b"", (0, 0)),
    ]


def test_mode_has_no_type_bits() -> None:
    assert _one(file(b"f", mode=0o104755)).mode == 0o4755


def test_v7_says_directory_by_a_slash() -> None:
    assert _one(header(b"d/", b"\x00", magic=V7)).type is EntryType.DIRECTORY
    assert _one(header(b"f", b"\x00", magic=V7)).type is EntryType.FILE


def test_long_names_of_gnu() -> None:
    entry = _one(long_name(b"d/" * 100 + b"f") + long_name(b"t" * 300, b"K") + header(b"d", b"2", magic=GNU, link=b"t"))
    assert entry.path == b"d/" * 100 + b"f"
    assert entry.link_target == b"t" * 300


def test_pax_overrides_the_header() -> None:
    records = (
        (b"path", b"./other/"),
        (b"uid", b"70000"),
        (b"gid", b"80000"),
        (b"mtime", b"-1.25"),
        (b"SCHILY.xattr.user.a", b"b"),
    )
    entry = _one(pax(*records) + directory(b"name", uid=1, gid=2, mtime=3))
    assert (entry.path, entry.uid, entry.gid, entry.mtime_ns) == (b"other", 70000, 80000, -1_250_000_000)
    assert entry.xattrs == {b"user.a": b"b"}


def test_what_pax_says_holds_for_one_entry() -> None:
    first, second = _entries(pax((b"uid", b"7"), (b"SCHILY.xattr.user.a", b"b")) + file(b"a") + file(b"b"))
    assert (first.uid, second.uid) == (7, 0)
    assert second.xattrs == {}


def test_a_size_that_the_header_cannot_hold() -> None:
    """The header has zero, or the rest that fits; only PAX knows."""
    size = 8 << 30
    for told in (0, size & 0x1FFFFFFFF, base256(size, 12)):
        reader = TarReader(io.BytesIO(pax((b"size", b"%d" % size)) + header(b"a", b"0", told)).read)
        assert next(reader).size == size
        with pytest.raises(InvalidArgument, match="ends within an entry's data"):
            next(reader)


@pytest.mark.parametrize("length", [512 + 4, 512 + 5, 1024])
def test_the_last_padding_may_be_missing(length: int) -> None:
    """As `umoci insert` writes it, and Go reads it."""
    reader = TarReader(io.BytesIO(file(b"a", b"data")[:length]).read)
    assert next(reader).path == b"a"
    assert bytes(reader.piece()) == b"data"
    assert list(reader) == []
    assert len(list(TarReader(io.BytesIO(file(b"a", b"data")[:length]).read))) == 1  # data skipped


def test_a_global_comment_is_read_over() -> None:
    assert _one(pax((b"comment", b"commit"), kind=b"g") + file(b"a")).path == b"a"


def test_data_comes_in_pieces_and_is_skipped_where_it_is_not_taken() -> None:
    data = bytes(range(256)) * 100
    reader = TarReader(io.BytesIO(file(b"a", data) + file(b"b", data) + file(b"c", b"end")).read)
    assert next(reader).path == b"a"
    assert bytes(reader.piece(10)) == data[:10]
    entry = next(reader)
    assert entry.path == b"b"
    taken = b""
    while piece := reader.piece(1000):
        assert len(piece) <= 1000
        taken += piece
    assert taken == data
    assert bytes(reader.piece()) == b""
    assert next(reader).path == b"c"
    assert bytes(reader.piece()) == b"end"


def test_where_data_stands() -> None:
    archive = file(b"a", b"first") + pax((b"path", b"b")) + file(b"x", b"second") + END
    for entry in TarReader(io.BytesIO(archive).read):
        assert archive[entry.data_offset : entry.data_offset + entry.size] in (b"first", b"second")


def test_all_is_read_when_the_iteration_has_ended() -> None:
    archive = file(b"a") + END + b"whatever follows" * 1000
    reader = TarReader(io.BytesIO(archive).read)
    assert len(list(reader)) == 1
    assert reader.raw_bytes == len(archive)
    assert list(reader) == []


@pytest.mark.parametrize("end", [b"", bytes(512), END, bytes(10240)])
def test_ends(end: bytes) -> None:
    assert _one(file(b"a", b"x") + end).path == b"a"
    assert _entries(end) == []


def test_an_error_tells_number_and_name_and_ends_the_iteration() -> None:
    reader = TarReader(io.BytesIO(file(b"good") + file(b"a\n/../b") + file(b"more")).read)
    next(reader)
    with pytest.raises(InvalidArgument) as caught:
        next(reader)
    assert str(caught.value) == (
        'layer: entry 2 ("a\\n/../b"): path: "a\\n/../b" has a ".." part; nothing may lead out of the root'
    )
    assert list(reader) == []


def test_limits_are_counted_over_the_archive() -> None:
    archive = file(b"a", b"x" * 600) + file(b"b", b"x" * 600)
    reader = TarReader(io.BytesIO(archive).read, Limits(total_bytes=1000))
    next(reader)
    with pytest.raises(InvalidArgument, match="600 bytes more are over the limit of 1000 in total"):
        next(reader)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_python_reads_the_same(form: int) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for number in range(50):
            info = tarfile.TarInfo(("p" * 60 + "/") * (number % 3) + f"name{number}")
            info.size, info.mode, info.uid, info.mtime = number * 100, 0o600 + number % 8, number, 10_000 + number
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        theirs = [(one.name.encode(), one.size, one.mode, one.uid, one.mtime, one.offset_data) for one in tar]
    ours = [
        (one.path, one.size, one.mode, one.uid, one.mtime_ns // 10**9, one.data_offset)
        for one in _entries(stream.getvalue())
    ]
    assert ours == theirs
