"""Bytes as a blob that can be pushed, without a file."""

from __future__ import annotations

from typing import Self


class BlobBytes:
    """The content store's BlobReader, on bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        return len(self._content)

    def fileno(self) -> int:
        """There is no file."""
        raise OSError("bytes have no file descriptor")

    def read_at(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]

    def close(self) -> None:
        """There is nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
