"""A streaming reader of tar archives that takes them from strangers: ustar, GNU, PAX, V7.

It does no I/O of its own and allocates by what was checked, never by what a header says. Where the readers of the
world (Go's, which runtimes use; GNU tar; bsdtar; Python's) understand an archive differently it refuses rather than
picks one, unless image builders do write such archives (CVE-2025-62518 is what comes of picking).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from . import sparse
from .contract import Entry, EntryType, Limits
from .entry_path import normalized, shown
from .pax import MAX_TIME_NS, Extended, check_global, parse_extended
from .tar_header import BLOCK_BYTES, ZERO_BLOCK, Header, device_numbers, parse_header

if TYPE_CHECKING:
    from collections.abc import Callable

READ_BYTES = 256 << 10  # asked of the source at a time

_FILE, _OLD_FILE, _HARD_LINK, _CONTIGUOUS, _OLD_SPARSE = b"0\x0017S"
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"xgLK"
_EXTENSIONS = frozenset(b"xgLK")
_TYPES = {
    _FILE: EntryType.FILE,
    _OLD_FILE: EntryType.FILE,
    _CONTIGUOUS: EntryType.FILE,
    _OLD_SPARSE: EntryType.FILE,
    _HARD_LINK: EntryType.HARD_LINK,
    ord("2"): EntryType.SYMLINK,
    ord("3"): EntryType.CHARACTER_DEVICE,
    ord("4"): EntryType.BLOCK_DEVICE,
    ord("5"): EntryType.DIRECTORY,
    ord("6"): EntryType.FIFO,
}
_DEVICES = (EntryType.CHARACTER_DEVICE, EntryType.BLOCK_DEVICE)
_REFUSED_TYPES = {
    ord("D"): "a directory of an incremental backup",
    ord("M"): "the continuation of a file of another volume",
    ord("N"): "a long name as GNU tar wrote it before 1991",
    ord("V"): "a volume's label",
    ord("X"): "a Solaris extended header",
    ord("A"): "a Solaris access control list",
}
_MAX_OCTAL_SIZE = (1 << 33) - 1  # of 11 digits; only a larger size needs a PAX record
_MAX_ID = (1 << 32) - 2  # 2^32 - 1 is chown's "as it is"
_EMPTY = memoryview(b"")
_NO_XATTRS: dict[bytes, bytes] = {}


class _Extension:
    """What the extension headers in front of an entry say."""

    __slots__ = ("link", "name", "pax")

    def __init__(self) -> None:
        self.pax: Extended | None = None
        self.name: bytes | None = None  # GNU's L
        self.link: bytes | None = None  # GNU's K


class TarReader:
    """Iterates the entries of the archive that `read` gives.

    `read(n)` returns 1 to n bytes, and b"" at the end. After an entry, `piece` gives its data; what is not taken is
    skipped. When the iteration has ended, everything has been read, what follows the archive's end included.

    Iterating raises:
        InvalidArgument: the archive is damaged, ambiguous, unsupported or over a limit; the message says where.
    """

    def __init__(self, read: Callable[[int], bytes], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.headers = 0  # seen so far, extension headers included
        self.raw_bytes = 0  # taken from `read` so far
        self.total_bytes = 0  # what the entries' contents add up to so far
        self._read = read
        self._buffer = b""
        self._view = _EMPTY
        self._at = 0
        self._length = 0
        self._left = 0  # of the current entry's data
        self._padding = 0  # behind it
        self._ended = False
        self._name = b""  # of the header that is being read, for messages

    def __iter__(self) -> TarReader:
        return self

    def __next__(self) -> Entry:
        if self._ended:
            raise StopIteration
        self._name = b""
        try:
            entry = self._next()
        except InvalidArgument as error:
            raise self.refusal(self._name, error) from None
        if entry is None:
            raise StopIteration
        return entry

    def refusal(self, path: bytes, error: InvalidArgument) -> InvalidArgument:
        """`error` with the place in front, where it has none: number and name of the current entry."""
        self._ended = True
        if error.message.startswith("layer: "):  # of the entry's data
            return error
        where = f'layer: entry {self.headers} ("{shown(path)}")' if self.headers else "layer"
        return InvalidArgument(f"{where}: {error.message}", hint=error.hint)

    def piece(self, limit: int = READ_BYTES) -> memoryview:
        """The next 1 to `limit` bytes of the current entry's data, empty at its end. Holds until the next call.

        Raises:
            InvalidArgument: the archive ends before them.
        """
        if not self._left:
            return _EMPTY
        try:
            return self._take(limit)
        except InvalidArgument as error:
            raise self.refusal(self._name, error) from None

    # Entries.

    def _next(self) -> Entry | None:
        if self._left:
            self._skip(self._left)
            self._left = 0
        if self._padding and not self._skip_padding():
            self._end(b"", None)
            return None
        extension = None
        while True:
            block = self._block()
            if block == ZERO_BLOCK or not block:
                self._end(block, extension)
                return None
            self.headers += 1
            if self.headers > self.limits.entries:
                raise InvalidArgument(f"entries: more than the limit of {self.limits.entries}")
            header = parse_header(block)
            self._name = header.name
            if header.type in _EXTENSIONS:
                extension = self._extend(header, extension)
            elif extension is None and header.type in _TYPES and header.type != _OLD_SPARSE:
                return self._entry(header, block, header.name, header.link)
            else:
                return self._extended_entry(header, block, extension or _Extension())

    def _entry(self, header: Header, block: bytes, name: bytes, link: bytes) -> Entry:
        """An entry of what the header says, but for name and link."""
        size = header.size
        kind = _TYPES[header.type]
        if kind is EntryType.FILE:
            if name[-1:] == b"/":
                kind = self._directory_by_slash(header)
        elif size:
            raise InvalidArgument(f"size: a {kind.value} of {size} bytes", hint="readers disagree whether data follows")
        if header.uid > _MAX_ID or header.gid > _MAX_ID or header.mode >> 24:
            raise InvalidArgument(f"uid, gid or mode: {header.uid}, {header.gid}, {header.mode:#o} are out of range")
        mtime_ns = header.mtime * 1_000_000_000
        if not -MAX_TIME_NS <= mtime_ns <= MAX_TIME_NS:
            mtime_ns = 0
        if kind is EntryType.FILE:
            self._take_data(size, size)
        entry = Entry(
            path=self._path(name, kind),
            type=kind,
            mode=header.mode & 0o7777,
            uid=header.uid,
            gid=header.gid,
            size=size,
            mtime_ns=mtime_ns,
            xattrs=_NO_XATTRS,
            data_offset=self.raw_bytes - self._length + self._at,
        )
        if kind is not EntryType.FILE and kind is not EntryType.DIRECTORY:
            self._complete(entry, block, link)
        return entry

    @staticmethod
    def _directory_by_slash(header: Header) -> EntryType:
        """V7 has no type for directories. Of other files readers disagree what a slash at the end means."""
        if header.type != _OLD_FILE or header.size:
            raise InvalidArgument("path: a file whose name ends with a slash", hint="readers disagree what it is")
        return EntryType.DIRECTORY

    def _path(self, name: bytes, kind: EntryType) -> bytes:
        if not name:
            raise InvalidArgument("path: it is empty")
        path = normalized(name, self.limits)
        if not path and kind is not EntryType.DIRECTORY:
            raise InvalidArgument(f"path: the root cannot be a {kind.value}")
        return path

    def _complete(self, entry: Entry, block: bytes, link: bytes) -> None:
        """Set what only links and devices have."""
        if entry.type in _DEVICES:
            entry.device = device_numbers(block)
        elif entry.type is EntryType.SYMLINK:
            if not link or len(link) > self.limits.path_bytes or b"\x00" in link:
                raise InvalidArgument(f"linkname: the target of a symbolic link has {len(link)} bytes, or a NUL")
            entry.link_target = link
        elif entry.type is EntryType.HARD_LINK:
            try:
                entry.link_target = normalized(link, self.limits)
            except InvalidArgument as error:
                raise InvalidArgument(f"linkname: {error.message}", hint=error.hint) from None
            if not entry.link_target:
                raise InvalidArgument("linkname: the target of a hard link is empty, or the root")

    def _take_data(self, data_bytes: int, size: int) -> None:
        """Let `piece` give `data_bytes`; the extracted file has `size`."""
        self._left = data_bytes
        self._padding = -data_bytes % BLOCK_BYTES
        self.total_bytes += size
        if self.total_bytes > self.limits.total_bytes:
            raise InvalidArgument(f"size: {size} bytes more are over the limit of {self.limits.total_bytes} in total")

    # Entries with extensions.

    def _extend(self, header: Header, extension: _Extension | None) -> _Extension | None:
        """Read an extension header's data; what holds for the next entry now."""
        if header.type == _PAX_GLOBAL:
            if extension is not None:  # Go forgets the extension then
                raise InvalidArgument("pax: a global header between an extension header and its entry")
            check_global(self._content(header.size, self.limits.pax_bytes), self.limits)
            return None
        extension = extension or _Extension()
        if header.type == _PAX:
            if extension.pax is not None:
                raise InvalidArgument("pax: a second extended header for one entry")
            extension.pax = parse_extended(self._content(header.size, self.limits.pax_bytes), self.limits)
            return extension
        text = self._content(header.size, self.limits.path_bytes + 1)
        text, _, rest = text.partition(b"\x00")
        attribute = "name" if header.type == _LONG_NAME else "link"
        if getattr(extension, attribute) is not None or not text or rest.strip(b"\x00"):
            raise InvalidArgument(f"long {attribute}: a second one for one entry, an empty one, or text behind its NUL")
        setattr(extension, attribute, text)
        return extension

    def _extended_entry(self, header: Header, block: bytes, extension: _Extension) -> Entry:
        if header.type not in _TYPES:
            what = _REFUSED_TYPES.get(header.type, "unknown")
            raise InvalidArgument(f'type: "{shown(bytes([header.type]))}" ({what}) is not supported')
        pax = extension.pax or Extended()
        version = sparse.pax_version(pax)
        name = self._full_name(header, extension, pax)
        self._name = name
        link = self._one_of("link", extension.link, pax.link) or header.link
        header = self._merged(header, pax)
        if header.type == _OLD_SPARSE or version:
            return self._sparse_entry(header, block, pax, name)
        entry = self._entry(header, block, name, link)
        self._finish(entry, pax)
        return entry

    @staticmethod
    def _one_of(what: str, gnu: bytes | None, pax: bytes | None) -> bytes | None:
        if gnu is not None and pax is not None and gnu != pax:
            raise InvalidArgument(
                f"{what}: GNU's long {what} and PAX's differ", hint="readers disagree which one holds"
            )
        return gnu if pax is None else pax

    def _full_name(self, header: Header, extension: _Extension, pax: Extended) -> bytes:
        name = self._one_of("name", extension.name, pax.path)
        if b"name" in pax.sparse:  # the others are made up then, for readers that do not know sparse files
            name = pax.sparse[b"name"]
            if not name or b"\x00" in name or extension.name is not None:
                raise InvalidArgument("path: GNU.sparse.name is empty, has a NUL byte, or is not the only name")
        if name is None:
            return header.name
        if header.type == _OLD_FILE and header.name[-1:] == b"/" != name[-1:]:
            raise InvalidArgument("path: a directory by the header's name, a file by its long name")
        return name

    @staticmethod
    def _merged(header: Header, pax: Extended) -> Header:
        """The header with what PAX says of sizes and owners."""
        size = header.size if pax.size is None else pax.size
        if size != header.size and size <= _MAX_OCTAL_SIZE:
            raise InvalidArgument(
                f"size: PAX says {size} bytes, the header {header.size}", hint="readers disagree which one holds"
            )
        uid = header.uid if pax.uid is None else pax.uid
        gid = header.gid if pax.gid is None else pax.gid
        return header._replace(size=size, uid=uid, gid=gid)

    def _sparse_entry(self, header: Header, block: bytes, pax: Extended, name: bytes) -> Entry:
        if header.type == _OLD_SPARSE:
            if pax.sparse or pax.sparse_map or pax.size is not None:
                raise InvalidArgument("sparse: GNU's old format and PAX records for one entry")
            size, numbers = sparse.old_map(block, self._whole_block, self.limits)
            map_bytes = 0
        else:
            size = sparse.pax_size(pax)
            if _TYPES[header.type] is not EntryType.FILE:
                raise InvalidArgument(f"sparse: a {_TYPES[header.type].value} cannot be sparse")
            if sparse.pax_version(pax) == "1.0":
                numbers, map_bytes = sparse.map_1(self._whole_block, self.limits)
            else:
                numbers, map_bytes = sparse.map_0(pax, self.limits), 0
        segments = sparse.checked(numbers, size, header.size - map_bytes)
        # The data is what the header says, without a map inside it; the file is as large as the map says.
        entry = self._entry(header._replace(size=0), block, name, b"")
        if entry.type is not EntryType.FILE:
            raise InvalidArgument("sparse: a directory cannot be sparse")
        self._take_data(header.size - map_bytes, size)
        entry.size = size
        entry.segments = segments
        self._finish(entry, pax)
        return entry

    @staticmethod
    def _finish(entry: Entry, pax: Extended) -> None:
        if pax.mtime_ns is not None:
            entry.mtime_ns = pax.mtime_ns
        if pax.xattrs:
            entry.xattrs = pax.xattrs

    # The stream.

    def _block(self) -> bytes:
        """The next block, b"" at a clean end of the stream."""
        at = self._at
        end = at + BLOCK_BYTES
        if end <= self._length:
            self._at = end
            return self._buffer[at:end]
        block = self._buffer[at:]
        self._at = self._length
        while len(block) < BLOCK_BYTES:
            # No more than the rest of a block that has begun: buffers then start at a block, and nothing is joined.
            wanted = BLOCK_BYTES - len(block)
            if not self._fetch(wanted if block else READ_BYTES):
                if block:
                    raise InvalidArgument("the archive ends within a header", hint="it is cut off")
                return b""
            self._at = min(wanted, self._length)
            block += self._buffer[: self._at]
        return block

    def _whole_block(self) -> bytes:
        block = self._block()
        if not block:
            raise InvalidArgument("the archive ends within a header", hint="it is cut off")
        return block

    def _content(self, size: int, limit: int) -> bytes:
        """The data of an extension header."""
        if size > limit:
            raise InvalidArgument(f"an extension header of {size} bytes is over the limit of {limit}")
        self._left = size
        parts = []
        while self._left:
            parts.append(bytes(self._take(size)))
        self._skip(-size % BLOCK_BYTES)
        return b"".join(parts)

    def _take(self, limit: int) -> memoryview:
        if self._at == self._length:
            self._fill()
        at = self._at
        count = min(self._left, limit, self._length - at)
        self._at = at + count
        self._left -= count
        return self._view[at : at + count]

    def _skip(self, count: int) -> None:
        while count > self._length - self._at:
            count -= self._length - self._at
            self._fill()
        self._at += count

    def _skip_padding(self) -> bool:
        """False where the stream ends here: `umoci insert` writes neither padding nor end, and Go reads that."""
        while self._padding > self._length - self._at:
            self._padding -= self._length - self._at
            if not self._fetch(READ_BYTES):
                return False
        self._at += self._padding
        self._padding = 0
        return True

    def _fill(self) -> None:
        if not self._fetch(READ_BYTES):
            raise InvalidArgument("the archive ends within an entry's data", hint="it is cut off")

    def _fetch(self, count: int) -> bool:
        """Replace the buffer, which is used up, by what `read` gives; False at the end of the stream."""
        self._buffer = self._read(count)
        self._view = memoryview(self._buffer)
        self._at = 0
        self._length = len(self._buffer)
        self.raw_bytes += self._length
        if self.raw_bytes > self.limits.raw_bytes:
            raise InvalidArgument(f"the archive is longer than the limit of {self.limits.raw_bytes} bytes")
        return bool(self._length)

    def _end(self, block: bytes, extension: _Extension | None) -> None:
        """Check the archive's end (two blocks of zeros, or just no more; Go takes one as well), and read the rest."""
        if extension is not None:
            raise InvalidArgument("the archive ends behind an extension header", hint="its entry is missing")
        if block and self._block() not in (ZERO_BLOCK, b""):
            raise InvalidArgument(
                "a block of zeros stands between entries", hint="readers disagree whether it is the end"
            )
        while self._fetch(READ_BYTES):
            pass
        self._ended = True
