"""The raw stream of a layer for one reader, decompressed and hashed by a thread of its own.

isal, zstandard and hashlib let go of the interpreter's lock, so that decompression and hashing run beside the reader,
on another processor. The thread is at most `_PIECES` pieces ahead: that is all that the two hold in memory.
"""

from __future__ import annotations

import hashlib
import os
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

from orlop.oci.digest import Digest

from .decompress import decompressed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .contract import Limits

_PIECES = 16  # 4 MiB
_STACK_BYTES = 256 << 10  # what a thread maps counts as memory, and the default is 8 MiB


class RawStream:
    """What a layer's stream decompresses to, from the begin to the end, once.

    `sink` is given each piece before any of it is read. Methods raise what ended the stream: InvalidArgument of the
    decompression, OSError of the file descriptor. The file descriptor is the caller's; it must stay open until `close`.
    """

    def __init__(
        self, fd: int, compression: str, limits: Limits, *, sink: Callable[[bytes], object] | None = None
    ) -> None:
        self._fd = fd
        self._pieces: SimpleQueue[bytes | Exception] = SimpleQueue()  # b"": the end
        self._room: SimpleQueue[None] = SimpleQueue()  # one item for each piece that may be made
        self._hash = hashlib.sha256()
        self._sink = sink
        self._piece = b""
        self._begin = 0
        self._raw_bytes = 0
        self._is_at_end = False
        self._is_closed = False
        for _ in range(_PIECES):
            self._room.put(None)
        before = threading.stack_size(_STACK_BYTES)
        try:
            self._thread = threading.Thread(
                target=self._run, args=(compression, limits), name="raw stream", daemon=True
            )
            self._thread.start()
        finally:
            threading.stack_size(before)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, compression: str, limits: Limits) -> None:
        update, put, may_go_on = self._hash.update, self._pieces.put, self._room.get
        try:
            for piece in decompressed(lambda size: os.read(self._fd, size), compression, limits):
                update(piece)
                may_go_on()
                if self._is_closed:
                    return
                put(piece)
        except Exception as error:  # noqa: BLE001 (the reader's thread raises it)
            put(error)
        else:
            put(b"")

    def _next(self) -> bool:
        """Have the next piece; False at the end."""
        if self._is_at_end:
            return False
        piece = self._pieces.get()
        if isinstance(piece, Exception):
            self._pieces.put(piece)  # whoever reads on gets it again
            raise piece
        self._begin = 0
        self._piece = piece
        if not piece:
            self._is_at_end = True
            return False
        self._raw_bytes += len(piece)
        self._room.put(None)
        if self._sink is not None:
            self._sink(piece)
        return True

    def read(self, size: int) -> bytes:
        """From 1 to `size` bytes, and none at the end. A piece that fits is not copied."""
        begin = self._begin
        if begin == len(self._piece):
            if not self._next():
                return b""
            begin = 0
        end = begin + size
        self._begin = min(end, len(self._piece))
        return self._piece if begin == 0 and end >= len(self._piece) else self._piece[begin:end]

    def finish(self) -> tuple[Digest, int]:
        """Read to the end of the stream; its diff id, and how many bytes it has."""
        while self._next():
            pass
        self._thread.join()
        return Digest("sha256", self._hash.hexdigest()), self._raw_bytes

    def close(self) -> None:
        """Let the thread end, without its error: after the piece that it makes, or the read that it waits for."""
        self._is_closed = True
        self._room.put(None)
