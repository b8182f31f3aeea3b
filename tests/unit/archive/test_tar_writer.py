"""Tar streams as Python's tarfile and GNU tar read them, and their bytes."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from orlop.archive.contract import Entry, EntryType
from orlop.archive.tar_writer import TarWriter, printable
from orlop.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path

LONG = b"d" * 80 + b"/" + b"n" * 90
HUGE = b"/".join([b"x" * 200] * 19)


def written(*entries: tuple[Entry, bytes]) -> bytes:
    out = io.BytesIO()
    writer = TarWriter(out.write)
    for entry, content in entries:
        writer.add(entry, [content[:3], memoryview(content)[3:]])
    writer.close()
    return out.getvalue()


def member(entry: Entry, content: bytes = b"") -> tarfile.TarInfo:
    """The one entry as tarfile sees it."""
    with tarfile.open(fileobj=io.BytesIO(written((entry, content)))) as archive:
        (found,) = archive.getmembers()
        return found


def file(path: bytes = b"f", content: bytes = b"", **fields: object) -> tuple[Entry, bytes]:
    entry = Entry(path=path, type=EntryType.FILE, mode=0o644, uid=0, gid=0, size=len(content))
    for name, value in fields.items():
        setattr(entry, name, value)
    return entry, content


def test_the_bytes_of_a_small_archive() -> None:
    entry, content = file(b"a/b", b"hello", uid=1000, gid=100, mtime_ns=1_600_000_000 * 10**9, mode=0o4755)
    data = written((entry, content))
    header = data[:512]
    assert header[:8] == b"a/b\0\0\0\0\0"
    assert header[100:156] == b"0004755\x000001750\x000000144\x0000000000005\x0013727410000\x00" + header[148:156]
    assert int(header[148:154], 8) == sum(header[:148]) + sum(header[156:]) + 8 * 32
    assert header[154:157] == b"\0 0"
    assert header[257:265] == b"ustar\x0000"
    assert header[329:345] == b"0000000\x000000000\x00"
    assert data[512:] == b"hello" + bytes(507) + bytes(1024)


@pytest.mark.parametrize(
    ("kind", "type_flag", "fields"),
    [
        (EntryType.FILE, tarfile.REGTYPE, {}),
        (EntryType.HARD_LINK, tarfile.LNKTYPE, {"link_target": b"other"}),
        (EntryType.SYMLINK, tarfile.SYMTYPE, {"link_target": b"../other"}),
        (EntryType.CHARACTER_DEVICE, tarfile.CHRTYPE, {"device": (4095, 1048575)}),
        (EntryType.BLOCK_DEVICE, tarfile.BLKTYPE, {"device": (8, 1)}),
        (EntryType.DIRECTORY, tarfile.DIRTYPE, {"mode": 0o1777}),
        (EntryType.FIFO, tarfile.FIFOTYPE, {}),
    ],
)
def test_each_type_is_read_back(kind: EntryType, type_flag: bytes, fields: dict[str, object]) -> None:
    entry = Entry(path=b"x/y", type=kind, mode=0o640, uid=1, gid=2, mtime_ns=3 * 10**9)
    for name, value in fields.items():
        setattr(entry, name, value)
    found = member(entry)
    assert (found.name, found.type, found.mode, found.uid, found.gid) == ("x/y", type_flag, entry.mode, 1, 2)
    assert found.mtime == 3
    assert found.linkname.encode() == entry.link_target
    assert (found.devmajor, found.devminor) == entry.device
    assert found.pax_headers == {}
    assert (found.uname, found.gname) == ("", "")


@pytest.mark.parametrize(
    ("path", "has_records"),
    [
        (b"n" * 100, False),
        (b"n" * 101, True),
        (LONG, False),
        (b"p" * 155 + b"/" + b"n" * 100, False),
        (b"p" * 156 + b"/" + b"n" * 100, True),
        (b"/".join([b"n" * 30] * 8), False),
        (HUGE, True),
        ("sch\N{LATIN SMALL LETTER O WITH DIAERESIS}n".encode(), True),
    ],
)
@pytest.mark.parametrize("kind", [EntryType.FILE, EntryType.DIRECTORY])
def test_long_names_are_read_back(path: bytes, has_records: bool, kind: EntryType) -> None:
    found = member(Entry(path=path, type=kind, mode=0o755, uid=0, gid=0))
    assert found.name.encode() == path
    if kind is EntryType.FILE:
        assert ("path" in found.pax_headers) == has_records


def test_names_that_are_no_text_stay_bytes() -> None:
    data = written(file(b"\xff\xfe"))
    assert b"11 path=\xff\xfe\n" in data


def test_the_root_has_a_name() -> None:
    data = written((Entry(path=b"", type=EntryType.DIRECTORY, mode=0o755, uid=0, gid=0), b""))
    assert data[:4] == b"./\0\0"


@pytest.mark.parametrize("target", [b"t" * 100, b"t" * 101, HUGE, b"\xc3\xb6"])
def test_long_targets_are_read_back(target: bytes) -> None:
    found = member(Entry(path=b"l", type=EntryType.SYMLINK, mode=0o777, uid=0, gid=0, link_target=target))
    assert found.linkname.encode() == target


@pytest.mark.parametrize(
    ("nanoseconds", "seconds"),
    [
        (0, None),
        (8_589_934_591 * 10**9, None),
        (8_589_934_592 * 10**9, "8589934592"),
        (1_500_000_000, "1.5"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (-1_500_000_000, "-1.5"),
        (-3_000_000_000, "-3"),
        (1_600_000_000_123_456_789, "1600000000.123456789"),
    ],
)
def test_times_are_exact(nanoseconds: int, seconds: str | None) -> None:
    assert member(file(mtime_ns=nanoseconds)[0]).pax_headers.get("mtime") == seconds


def test_large_ids_are_read_back() -> None:
    found = member(file(uid=0o7777777, gid=4_294_967_294)[0])
    assert (found.uid, found.gid) == (0o7777777, 4_294_967_294)
    assert found.pax_headers == {"gid": "4294967294"}


def test_attributes_are_written_in_order() -> None:
    entry, _ = file(xattrs={b"user.b": b"2\n=", b"security.capability": b"\x01\x00\xff"})
    data = written((entry, b""))
    assert data.index(b"SCHILY.xattr.security.capability=\x01\x00\xff\n") < data.index(b"SCHILY.xattr.user.b=2\n=\n")
    assert written((file(xattrs=dict(sorted(entry.xattrs.items())))[0], b"")) == data


@pytest.mark.parametrize("length", [*range(80, 100), *range(975, 1000)])
def test_a_record_counts_its_own_digits(length: int) -> None:
    found = member(file(xattrs={b"user.x": b"v" * length})[0])
    assert found.pax_headers["SCHILY.xattr.user.x"] == "v" * length


def test_a_size_beyond_eight_gigabytes_has_a_record() -> None:
    class Counter:
        """A sink that keeps the headers and counts the rest."""

        def __init__(self) -> None:
            self.start = b""
            self.count = 0

        def write(self, data: bytes | memoryview) -> None:
            self.count += len(data)
            if self.count <= 4096:
                self.start += bytes(data)

    counter = Counter()
    part = bytes(64 << 20)
    TarWriter(counter.write).add(file(size=128 * len(part))[0], (part for _ in range(128)))
    assert b"19 size=8589934592\n" in counter.start
    assert counter.count == 8589934592 + 3 * 512


@pytest.mark.parametrize("size", [0, 4, 6, 5000])
def test_content_of_another_size_is_refused(size: int) -> None:
    writer = TarWriter(io.BytesIO().write)
    with pytest.raises(FailedPrecondition, match=f'cannot write "f" to a tar: its content is not of the {size} bytes'):
        writer.add(file(size=size)[0], [b"hello"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": b"a\0b"}, r'"a\x00b" to a tar: a name has a NUL byte'),
        ({"link_target": b"\0"}, "a name has a NUL byte"),
        ({"size": -1}, "-1 is no size of a file"),
        ({"device": (1 << 21, 0)}, "device 2097152:0 is out of range"),
        ({"xattrs": {b"user.a=b": b""}}, 'an attribute cannot be named "user.a=b"'),
        ({"xattrs": {b"": b""}}, 'an attribute cannot be named "."'),
    ],
)
def test_what_no_tar_can_say_is_refused(fields: dict[str, object], message: str) -> None:
    writer = TarWriter(io.BytesIO().write)
    with pytest.raises(InvalidArgument) as caught:
        writer.add(file(**fields)[0])  # type: ignore[arg-type]  # `path` is a field like the others here
    assert message.replace(r"\x00", "\0") in str(caught.value)


def test_gnu_tar_reads_it(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(
        written(
            (Entry(path=b"d" * 80, type=EntryType.DIRECTORY, mode=0o755, uid=0, gid=0), b""),
            file(LONG, b"content"),
            file(HUGE + b"/f", b"deep"),
            (Entry(path=b"h", type=EntryType.HARD_LINK, mode=0o644, uid=0, gid=0, link_target=LONG), b""),
            file(b"t", b"x", mtime_ns=1_500_000_000_250_000_000),
        )
    )
    listing = subprocess.run(["tar", "-tf", str(archive)], check=True, capture_output=True, timeout=300)
    assert listing.stdout.split() == [b"d" * 80 + b"/", LONG, HUGE + b"/f", b"h", b"t"]
    assert listing.stderr == b""
    subprocess.run(["tar", "-xf", str(archive), "-C", str(tmp_path), "--no-same-owner"], check=True, timeout=300)
    assert (tmp_path / "h").read_bytes() == b"content"
    assert (tmp_path / "h").stat().st_nlink == 2
    assert (tmp_path / "t").stat().st_mtime_ns == 1_500_000_000_250_000_000


def test_a_path_is_printed_as_text() -> None:
    assert printable(b"a/\xff") == "a/\\xff"
    assert printable(b"") == "."
