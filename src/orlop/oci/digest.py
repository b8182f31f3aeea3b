"""Digests of content, as the image specification writes them (descriptor.md, Digests): `algorithm:encoded`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from hashlib import _Hash

# The registered algorithms that we verify, and how many hexadecimal digits each has.
ALGORITHMS = {"sha256": 64, "sha512": 128}
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A digest whose algorithm is known and whose digits are right. `str()` gives `sha256:...`."""

    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: str, *, place: str = "digest") -> Digest:
        """The digest that a text says; `place` names the text's origin in the error.

        Raises:
            InvalidArgument: it is none, or of an algorithm that is not verified here.
        """
        algorithm, colon, encoded = text.partition(":")
        if not colon:
            raise InvalidArgument(f'{place}: "{text}" is not a digest', hint="write ALGORITHM:HEX, such as sha256:...")
        digits = ALGORITHMS.get(algorithm)
        if digits is None:
            raise InvalidArgument(f'{place}: "{text}": algorithm "{algorithm}" is not supported; use sha256 or sha512')
        if len(encoded) != digits or not _HEX.issuperset(encoded):
            raise InvalidArgument(f'{place}: "{text}": {algorithm} has {digits} lowercase hexadecimal digits')
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, data: bytes, *, algorithm: str = "sha256") -> Digest:
        """The digest of some bytes."""
        return cls(algorithm, hashlib.new(algorithm, data).hexdigest())

    def hasher(self) -> _Hash:
        """A new hash object of this algorithm, to verify content against this digest."""
        return hashlib.new(self.algorithm)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"
