"""gzip, written: no name and no time in its header, so that the same bytes give the same blob on one machine.

ISA-L chooses its code by the processor, and what it writes may differ between two of them; the diff id, which is of
the uncompressed layer, does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isal import isal_zlib

if TYPE_CHECKING:
    from collections.abc import Callable

_LEVEL = 2  # as small as zlib's 3 or 4, at several times its speed
_GZIP = 16 + 15  # wbits: a gzip header and trailer around a window of 32 KiB


class GzipWriter:
    """Compresses what `write` is given, and calls `sink` with what comes out. `close` writes the end."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self._compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)

    def write(self, data: bytes | memoryview) -> None:
        """Compress some more."""
        compressed = self._compressor.compress(data)
        if compressed:
            self._sink(compressed)

    def close(self) -> None:
        """Write what is left and the trailer."""
        self._sink(self._compressor.flush())
