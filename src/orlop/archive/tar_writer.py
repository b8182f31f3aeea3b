"""A tar stream, written: POSIX ustar headers, with PAX records for what does not fit into them.

The same entries give the same bytes, whoever writes them and when: no times, names or numbers of the writing process
are in it. Sparse files are written in full; readers that fear forged sparse maps (CVE-2025-58183) find none here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, InvalidArgument

from .contract import EntryType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .contract import Entry

    Sink = Callable[[bytes | memoryview], object]

BLOCK = 512
_TYPES = {
    EntryType.FILE: b"0",
    EntryType.HARD_LINK: b"1",
    EntryType.SYMLINK: b"2",
    EntryType.CHARACTER_DEVICE: b"3",
    EntryType.BLOCK_DEVICE: b"4",
    EntryType.DIRECTORY: b"5",
    EntryType.FIFO: b"6",
}
_NAME, _PREFIX, _LINK = 100, 155, 100  # bytes of the header's text fields; a name may fill its field
_ID_MAX = 0o7777777
_SIZE_MAX = 0o77777777777
_SECOND = 1_000_000_000


class TarWriter:
    """Writes entries to `sink`, which is called with bytes in their order. `close` writes the end."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def add(self, entry: Entry, content: Iterable[bytes | memoryview] = ()) -> None:
        """Write an entry; the parts of a file's `content` have its `size` together. `segments` are not looked at.

        Raises:
            InvalidArgument: it cannot be told in a tar: a name with NUL, an attribute's name with `=`, a size or
                device out of range.
            FailedPrecondition: the content is not of this size; the stream cannot be used any more.
        """
        size = entry.size if entry.type is EntryType.FILE else 0
        _check(entry, size)
        name = _name(entry)
        prefix, short = _split(name)
        records = _records(entry, size, name, is_name_short=short is not None)
        if records:
            self._sink(_extended(name, records))
        self._sink(_header(entry, size, prefix, short if short is not None else _shortened(name)))
        self._write_content(entry, size, content)

    def close(self) -> None:
        """Write the two blocks of zeros that end an archive."""
        self._sink(bytes(2 * BLOCK))

    def _write_content(self, entry: Entry, size: int, content: Iterable[bytes | memoryview]) -> None:
        rest = size
        for part in content:
            rest -= len(part)
            if rest < 0:
                break
            self._sink(part)
        if rest:
            raise FailedPrecondition(
                f'cannot write "{printable(entry.path)}" to a tar: its content is not of the {size} bytes it had',
                hint="let nothing change it meanwhile",
            )
        if size % BLOCK:
            self._sink(bytes(-size % BLOCK))


def printable(path: bytes) -> str:
    """A path of an archive for a message."""
    return path.decode("utf-8", "backslashreplace") or "."


def _check(entry: Entry, size: int) -> None:
    place = f'cannot write "{printable(entry.path)}" to a tar'
    if b"\0" in entry.path or b"\0" in entry.link_target:
        raise InvalidArgument(f"{place}: a name has a NUL byte")
    if not 0 <= size < 1 << 63:
        raise InvalidArgument(f"{place}: {size} is no size of a file")
    if not all(0 <= number <= _ID_MAX for number in entry.device):
        raise InvalidArgument(f"{place}: device {entry.device[0]}:{entry.device[1]} is out of range")
    for name in entry.xattrs:
        if b"=" in name or b"\0" in name or not name:
            raise InvalidArgument(f'{place}: an attribute cannot be named "{printable(name)}"')


def _name(entry: Entry) -> bytes:
    path = entry.path or b"."
    return path + b"/" if entry.type is EntryType.DIRECTORY else path


def _split(name: bytes) -> tuple[bytes, bytes | None]:
    """Prefix and name as ustar divides a long one at a slash; name None: it does not fit, or is not ASCII."""
    if not name.isascii():
        return b"", None
    if len(name) <= _NAME:
        return b"", name
    # The last slash that leaves a prefix short enough, but not the one that a directory ends with.
    slash = name.rfind(b"/", 0, min(_PREFIX + 1, len(name) - 1))
    if slash > 0 and len(name) - slash - 1 <= _NAME:
        return name[:slash], name[slash + 1 :]
    return b"", None


def _shortened(name: bytes) -> bytes:
    """What stands in the header where a PAX record has the name: readers without PAX see something like it."""
    return bytes(byte if 32 <= byte < 127 else 95 for byte in name[:_NAME])


def _records(entry: Entry, size: int, name: bytes, *, is_name_short: bool) -> dict[bytes, bytes]:
    """What does not fit into the header, by its PAX keyword."""
    records = {b"SCHILY.xattr." + key: value for key, value in entry.xattrs.items()}
    if not is_name_short:
        records[b"path"] = name
    if len(entry.link_target) > _LINK or not entry.link_target.isascii():
        records[b"linkpath"] = entry.link_target
    for key, value, limit in ((b"uid", entry.uid, _ID_MAX), (b"gid", entry.gid, _ID_MAX), (b"size", size, _SIZE_MAX)):
        if value > limit:
            records[key] = b"%d" % value
    if entry.mtime_ns % _SECOND or not 0 <= entry.mtime_ns // _SECOND <= _SIZE_MAX:
        records[b"mtime"] = _seconds(entry.mtime_ns)
    return records


def _seconds(nanoseconds: int) -> bytes:
    """A time in decimal: `-1.5` is one and a half second before the epoch."""
    whole, part = divmod(abs(nanoseconds), _SECOND)
    text = f"{'-' if nanoseconds < 0 else ''}{whole}" + (f".{part:09}".rstrip("0") if part else "")
    return text.encode()


def _extended(name: bytes, records: dict[bytes, bytes]) -> bytes:
    """The extended header that stands before an entry's own."""
    body = b"".join(_record(key, records[key]) for key in sorted(records))
    base = name.rstrip(b"/").rpartition(b"/")[2]
    header = _fields(
        name=_shortened(b"PaxHeaders/" + base), mode=0o644, numbers=(0, 0, len(body), 0), kind=b"x", link=b""
    )
    return header + body + bytes(-len(body) % BLOCK)


def _record(key: bytes, value: bytes) -> bytes:
    """`LENGTH KEY=VALUE` and a newline, where the length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _header(entry: Entry, size: int, prefix: bytes, name: bytes) -> bytes:
    mtime = entry.mtime_ns // _SECOND
    numbers = (
        entry.uid if entry.uid <= _ID_MAX else 0,
        entry.gid if entry.gid <= _ID_MAX else 0,
        size if size <= _SIZE_MAX else 0,
        mtime if 0 <= mtime <= _SIZE_MAX else 0,
    )
    is_device = entry.type in (EntryType.CHARACTER_DEVICE, EntryType.BLOCK_DEVICE)
    return _fields(
        name=name,
        mode=entry.mode & 0o7777,
        numbers=numbers,
        kind=_TYPES[entry.type],
        link=entry.link_target if entry.link_target.isascii() else _shortened(entry.link_target),
        device=entry.device if is_device else (0, 0),
        prefix=prefix,
    )


def _fields(
    *,
    name: bytes,
    mode: int,
    numbers: tuple[int, int, int, int],
    kind: bytes,
    link: bytes,
    device: tuple[int, int] = (0, 0),
    prefix: bytes = b"",
) -> bytes:
    """One header block: `numbers` are uid, gid, size and mtime."""
    uid, gid, size, mtime = numbers
    start = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.ljust(_NAME, b"\0"), mode, uid, gid, size, mtime)
    end = b"%s%sustar\x0000%s%07o\0%07o\0%s" % (
        kind,
        link[:_LINK].ljust(_LINK, b"\0"),
        bytes(64),  # names of user and group: only numbers mean something in a container
        device[0],
        device[1],
        prefix.ljust(_PREFIX + 12, b"\0"),
    )
    checksum = sum(start) + sum(end) + 8 * 32  # as if the checksum were spaces
    return b"%s%06o\0 %s" % (start, checksum, end)
