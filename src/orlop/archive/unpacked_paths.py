"""Which paths a layer has unpacked so far, in little memory."""

from __future__ import annotations

from array import array

_BUCKETS = 4096


class UnpackedPaths:
    """A set of paths that keeps 8 bytes of each: a hash with the process's secret key (PEP 456).

    Two million paths, a layer's limit, are 16 MiB where a `set` takes 300. Should two paths ever share a hash, a file
    of a lower layer survives its whiteout; nobody without the key can make that happen.
    """

    def __init__(self) -> None:
        self._buckets: list[array[int] | None] = [None] * _BUCKETS

    def add(self, path: bytes) -> None:
        """Put it in; more than once takes memory more than once."""
        value = hash(path)
        bucket = self._buckets[value % _BUCKETS]
        if bucket is None:
            bucket = self._buckets[value % _BUCKETS] = array("q")
        bucket.append(value)

    def __contains__(self, path: bytes) -> bool:
        value = hash(path)
        bucket = self._buckets[value % _BUCKETS]
        return bucket is not None and value in bucket
