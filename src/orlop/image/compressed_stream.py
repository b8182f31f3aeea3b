"""A stream whose compression its first bytes tell, decompressed with bounds: of rootfs tars and archives of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.archive.contract import Limits
from orlop.archive.decompress import CutOff, decompressed
from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[int], bytes]

HEAD_BYTES = 6
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_OTHERS = {b"\xfd7zXZ\0": ("xz", "xz -dc"), b"BZh": ("bzip2", "bzip2 -dc")}


def compression_of(head: bytes, *, place: str) -> str:
    """none, gzip or zstd, by the first 6 bytes; `place` opens the error.

    Raises:
        InvalidArgument: it is of a compression that images do not have.
    """
    for magic, (name, command) in _OTHERS.items():
        if head.startswith(magic):
            raise InvalidArgument(f"{place}: is compressed with {name}", hint=f"decompress it first: {command}")
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "none")


def of_file(error: InvalidArgument, place: str) -> InvalidArgument:
    """An error of a stream or archive that is no layer but a file of the user's, which `place` names."""
    hint = "the file is cut off: copy or make it again" if isinstance(error, CutOff) else error.hint
    return InvalidArgument(f"{place}: {error.message.removeprefix('layer: ')}", hint=hint)


class DecompressedStream:
    """What `read` gives, decompressed; `compression` says from what. `read(n)` gives at most n bytes, none at the end.

    What comes in goes to `copy_input_to` too, if that is set before the first `read`. Reading raises InvalidArgument
    where the stream is damaged or reaches a limit.
    """

    def __init__(self, read: Read, *, place: str, limits: Limits | None = None) -> None:
        self._head = b""
        self._source = read
        self.copy_input_to: Callable[[bytes], object] | None = None
        while len(self._head) < HEAD_BYTES and (more := read(HEAD_BYTES - len(self._head))):
            self._head += more
        self.compression = compression_of(self._head, place=place)
        self._pieces = decompressed(self._from_start, self.compression, limits or Limits())
        self._piece = memoryview(b"")

    def read(self, size: int) -> bytes:
        """The next 1 to `size` bytes of the raw stream."""
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
        taken = bytes(self._piece[:size])
        self._piece = self._piece[size:]
        return taken

    def _from_start(self, size: int) -> bytes:
        if self._head:
            taken, self._head = self._head[:size], self._head[size:]
        else:
            taken = self._source(size)
        if self.copy_input_to:
            self.copy_input_to(taken)
        return taken
