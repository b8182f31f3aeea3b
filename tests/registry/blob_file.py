"""A blob that is a file or some bytes: what a content store gives to a push."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

OCTETS = "application/octet-stream"


class BlobFile:
    """The content store's BlobReader, on a file."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def fileno(self) -> int:
        return self._fd

    def read_at(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def described(content: bytes, media_type: str = OCTETS, *, algorithm: str = "sha256") -> Descriptor:
    """The descriptor of some bytes."""
    return Descriptor(media_type=media_type, digest=Digest.of(content, algorithm=algorithm), size=len(content))
