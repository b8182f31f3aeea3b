"""The bytes of a layer decompressed, in pieces of bounded size: gzip (RFC 1952), zstd (RFC 8878), or as they are.

A layer is the whole stream: what follows the last gzip member or zstd frame is an error, and so is an end in the middle
of one. Nothing here allocates by what the stream claims: a call gives at most `PIECE_BYTES`, whatever the ratio, and a
zstd window that does not fit into the unpacker's memory is refused by its header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import zstandard
from isal import igzip_lib

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .contract import Limits

    Read = Callable[[int], bytes]

PIECE_BYTES = 256 << 10  # a second-level cache holds it, so that hashing and writing it are cheap
ZSTD_WINDOW_SHARE = 2  # of `memory_bytes`: 32 MiB of 64; `zstd -19` has 8 MiB, --ultra up to 128 MiB
_GATHERED_BYTES = 32 << 10  # smaller pieces are put together: a layer may have a gzip member for each file (eStargz)
_FIRST_INPUT_BYTES = 4 << 10  # of a gzip member; what is not its own is copied, so it grows as the member goes on

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_HEADER_BYTES = 4  # ID1 ID2 CM FLG
_GZIP_RESERVED_FLAGS = 0xE0
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5f
_ZSTD_BLOCK_BYTES = 128 << 10
_RLE_BLOCK, _RESERVED_BLOCK = 1, 3
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_DAMAGED = "it is damaged, or was not made by a correct program"

_MAGIC_BYTES = 6
_OTHERS = ((b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"))


class CutOff(InvalidArgument):
    """The stream ends too early."""

    def __init__(self, what: str) -> None:
        """It ends in the middle of `what`."""
        super().__init__(f"layer: it ends in the middle of {what}", hint="fetch the blob again")


def decompressed(read: Read, compression: str, limits: Limits) -> Iterator[bytes]:
    """The raw stream in pieces of 1 to `PIECE_BYTES` bytes. `read(n)` gives 1 to n bytes, and none at the end.

    Raises:
        InvalidArgument: the stream is not of this compression, is damaged, ends too early, goes on after its end, or
            reaches a limit (ratio, raw_bytes), which the message names.
    """
    source = _Input(read)
    found = _sniffed(source.peek(_MAGIC_BYTES))
    if compression not in _READERS:
        raise InvalidArgument(f'layer: compression "{compression}" is not known; use none, gzip or zstd')
    if found != compression:
        raise InvalidArgument(
            f"layer: its media type says {_word(compression)}, but it is {_word(found)}",
            hint="correct the descriptor's mediaType",
        )
    raw_bytes = 0
    for piece in _gathered(_READERS[compression](source, limits)):
        raw_bytes += len(piece)
        if raw_bytes > limits.raw_bytes:
            raise InvalidArgument(f"layer: it decompresses to more than {limits.raw_bytes} bytes (limit raw_bytes)")
        if raw_bytes > limits.ratio_from_bytes and raw_bytes > limits.ratio * source.taken:
            raise InvalidArgument(
                f"layer: {source.taken} bytes decompress to more than {raw_bytes}, over {limits.ratio} times as much"
                " (limit ratio)"
            )
        yield piece


def _word(compression: str) -> str:
    return "not compressed" if compression == "none" else compression


def _sniffed(magic: bytes) -> str:
    if magic.startswith(_GZIP_MAGIC):
        return "gzip"
    if magic.startswith(_ZSTD_MAGIC) or _is_skippable(magic[:4]):
        return "zstd"
    return next((name for other, name in _OTHERS if magic.startswith(other)), "none")


def _is_skippable(magic: bytes) -> bool:
    return magic[1:] == _ZSTD_SKIPPABLE and magic[0] & 0xF0 == 0x50


class _Input:
    """The compressed stream with what was read ahead. `taken` counts what was handed out."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._chunk = b""
        self._begin = 0
        self.taken = 0

    def _fill(self, wanted: int) -> bool:
        """Have `wanted` bytes; False when the stream ends before."""
        while len(self._chunk) - self._begin < wanted:
            more = self._read(PIECE_BYTES)
            if not more:
                return False
            self._chunk = self._chunk[self._begin :] + more if self._begin < len(self._chunk) else more
            self._begin = 0
        return True

    def peek(self, size: int) -> bytes:
        """The next bytes, less than `size` at the end. They stay."""
        self._fill(size)
        return self._chunk[self._begin : self._begin + size]

    def some(self, size: int) -> bytes:
        """From 1 to `size` bytes; none at the end."""
        self._fill(1)
        part = self._chunk[self._begin : self._begin + size]
        self._begin += len(part)
        self.taken += len(part)
        return part

    def exactly(self, size: int, what: str) -> bytes:
        """So many bytes. Raises InvalidArgument when the stream ends before; `what` is in its message."""
        if not self._fill(size):
            raise CutOff(what)
        return self.some(size)

    def give_back(self, size: int) -> None:
        """Take back what the last `some` handed out too much."""
        self._begin -= size
        self.taken -= size


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        if not waiting and len(piece) >= _GATHERED_BYTES:
            yield piece
            continue
        if size + len(piece) > PIECE_BYTES:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
        waiting.append(piece)
        size += len(piece)
        if size >= _GATHERED_BYTES:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if size:
        yield b"".join(waiting)


def _plain(source: _Input, _limits: Limits) -> Iterator[bytes]:
    while piece := source.some(PIECE_BYTES):
        yield piece


def _gzip(source: _Input, limits: Limits) -> Iterator[bytes]:
    member = 0
    while source.peek(1):
        member += 1
        _check_count(member, "gzip members", limits)
        header = source.peek(_GZIP_HEADER_BYTES)
        if not header.startswith(_GZIP_MAGIC):
            raise InvalidArgument(f"layer: after gzip member {member - 1} stands what is none; {_DAMAGED}")
        if len(header) == _GZIP_HEADER_BYTES and header[3] & _GZIP_RESERVED_FLAGS:
            raise InvalidArgument(f"layer: gzip member {member}: the header has reserved flags; {_DAMAGED}")
        yield from _gzip_member(source, member)


def _gzip_member(source: _Input, member: int) -> Iterator[bytes]:
    decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)  # checks header, CRC and length
    input_bytes = _FIRST_INPUT_BYTES
    while not decompressor.eof:
        part = b""
        if decompressor.needs_input:
            part = source.some(input_bytes)
            input_bytes = min(2 * input_bytes, PIECE_BYTES)
            if not part:
                raise CutOff(f"gzip member {member}")
        try:
            piece = decompressor.decompress(part, PIECE_BYTES)
        except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub declares an instance
            raise InvalidArgument(f"layer: gzip member {member}: {error}; {_DAMAGED}") from None
        if piece:
            yield piece
    source.give_back(len(decompressor.unused_data))


def _zstd(source: _Input, limits: Limits) -> Iterator[bytes]:
    window_max_bytes = limits.memory_bytes // ZSTD_WINDOW_SHARE
    context = zstandard.ZstdDecompressor(max_window_size=window_max_bytes)
    frame = 0
    while magic := source.peek(4):
        frame += 1
        _check_count(frame, "zstd frames", limits)
        if len(magic) == 4 and _is_skippable(magic):
            _skip_frame(source, frame)
        elif _ZSTD_MAGIC.startswith(magic):
            yield from _zstd_frame(source, context, window_max_bytes, frame)
        else:
            raise InvalidArgument(f"layer: after zstd frame {frame - 1} stands what is none; {_DAMAGED}")


def _skip_frame(source: _Input, frame: int) -> None:
    name = f"zstd frame {frame}, which is skippable"
    left = int.from_bytes(source.exactly(8, name)[4:], "little")
    while left:
        part = source.some(min(left, PIECE_BYTES))
        if not part:
            source.exactly(1, name)
        left -= len(part)


def _zstd_frame(
    source: _Input, context: zstandard.ZstdDecompressor, window_max_bytes: int, frame: int
) -> Iterator[bytes]:
    """One frame, some blocks at a time.

    The library would give all that a chunk of input makes, and 4 bytes can make 128 KiB. So its input is cut where
    blocks end, and a piece is what two blocks make.
    """
    name = f"zstd frame {frame}"
    header, has_checksum = _zstd_header(source, name, window_max_bytes)
    decompressor = context.decompressobj()
    waiting = [header]
    is_last = False
    while not is_last:
        is_last = _take_blocks(source, name, waiting)
        if is_last and has_checksum:
            waiting.append(source.exactly(4, name))
        try:
            piece = decompressor.decompress(b"".join(waiting))
        except zstandard.ZstdError as error:
            reason = str(error).rpartition(": ")[2]
            if "memory" in reason:  # the library's words for a window that it got no room for
                raise MemoryError from None
            raise InvalidArgument(f"layer: {name}: {reason}; {_DAMAGED}") from None
        waiting.clear()
        if piece:
            yield piece
    if not decompressor.eof:
        raise InvalidArgument(f"layer: {name}: its last block is not its end; {_DAMAGED}")


def _zstd_header(source: _Input, name: str, window_max_bytes: int) -> tuple[bytes, bool]:
    """The frame's header, and whether a checksum follows the last block (RFC 8878, 3.1.1.1)."""
    header = source.exactly(5, name)
    descriptor = header[4]
    is_single_segment = bool(descriptor & 0x20)
    dictionary_bytes = _DICTIONARY_ID_BYTES[descriptor & 3]
    size_bytes = _CONTENT_SIZE_BYTES[descriptor >> 6] or int(is_single_segment)
    if dictionary_bytes:
        raise InvalidArgument(f"layer: {name}: it was compressed with a dictionary, which layers have none of")
    rest = source.exactly(size_bytes + (not is_single_segment), name) if size_bytes or not is_single_segment else b""
    if is_single_segment:
        window_bytes = int.from_bytes(rest, "little") + (256 if size_bytes == 2 else 0)
    else:
        base = 1 << (10 + (rest[0] >> 3))
        window_bytes = base + (base >> 3) * (rest[0] & 7)
    if window_bytes > window_max_bytes:
        raise InvalidArgument(
            f"layer: {name}: it needs a window of {window_bytes} bytes, and {window_max_bytes} is what fits (half of"
            " limit memory_bytes)",
            hint="compress it without --long and --ultra, or raise unpack.memory_mib in orlop's configuration",
        )
    return header + rest, bool(descriptor & 4)


def _take_blocks(source: _Input, name: str, parts: list[bytes]) -> bool:
    """Add blocks that make one piece; whether the frame's last is among them."""
    return any(_take_block(source, name, parts) for _ in range(PIECE_BYTES // _ZSTD_BLOCK_BYTES))


def _take_block(source: _Input, name: str, parts: list[bytes]) -> bool:
    """Add one block to the parts; whether it is the frame's last."""
    header = source.exactly(3, name)
    value = int.from_bytes(header, "little")
    kind, size = value >> 1 & 3, value >> 3
    if kind == _RESERVED_BLOCK or size > _ZSTD_BLOCK_BYTES:
        raise InvalidArgument(f"layer: {name}: a block of a wrong kind or size; {_DAMAGED}")
    parts.append(header)
    content_bytes = 1 if kind == _RLE_BLOCK else size
    if content_bytes:
        parts.append(source.exactly(content_bytes, name))
    return bool(value & 1)


def _check_count(count: int, what: str, limits: Limits) -> None:
    if count > limits.entries:
        raise InvalidArgument(f"layer: it has more than {limits.entries} {what} (limit entries)")


_READERS = {"none": _plain, "gzip": _gzip, "zstd": _zstd}
