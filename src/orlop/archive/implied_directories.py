"""Which directories of a layer only lower layers describe, and in which it deletes.

A layer may have files in a directory that it has no entry of. Unpacked on top of its parent, such a directory stays
what it was below; unpacked apart it is made with some attributes, and somebody has to give it those from below. Not so
where the layer, before it came to the directory, deleted what was below: then the directory is a new one either way.

Below, such a directory may be a symbolic link, and everything that the layer put there belongs where that leads. So
those are kept in mind too that an entry has described or replaced later on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .unpacked_paths import UnpackedPaths

if TYPE_CHECKING:
    from collections.abc import Iterator

IMPLIED_BYTES = 8 << 20  # of all their paths together, which the caller gets, with a byte for each path's end
DELETING_BYTES = 2 << 20  # the same, of directories with deletions
_GONE_PATHS = 1000
_GONE_BYTES = 4 << 20


class ImpliedDirectories:
    """Follows what an extraction does to directories. The root is one of them until an entry describes it."""

    def __init__(self, most: int) -> None:
        """`most` is how many there may be."""
        self._most = most
        self._made: dict[bytes, int] = {b"": 0}  # when, as the number of the event
        self._made_bytes = 0
        self._passed: list[bytes] = []
        self._deleting: set[bytes] = set()
        self._deleting_bytes = 0
        self._gone: dict[bytes, int] = {}
        self._gone_bytes = 0
        self._now = 0
        self._hiding: UnpackedPaths | None = None

    def made(self, path: bytes) -> None:
        """The directory was made, for something stands in it.

        Raises:
            InvalidArgument: there are too many of them.
        """
        self._made_bytes += len(path) + 1
        if len(self._made) > self._most or self._made_bytes > IMPLIED_BYTES:
            raise InvalidArgument("path: too many directories have no entry of their own")
        if self._hiding is None or not any(one in self._hiding for one in _with_parents(path)):
            self._made[path] = self._next()

    def described(self, path: bytes) -> None:
        """An entry says how the directory should be."""
        if self._made.pop(path, None) is not None and path:
            self._passed.append(path)

    def hides(self, path: bytes) -> None:
        """Nothing that lower layers have in the directory is seen any more."""
        if self._hiding is None:
            self._hiding = UnpackedPaths()
        self._hiding.add(path)

    def gone(self, path: bytes) -> None:
        """The directory was removed with all that was in it."""
        self._gone[path] = self._next()
        self._gone_bytes += len(path)
        # Looking through all of them each time would let an archive make us do it for each of its entries.
        if len(self._gone) > max(_GONE_PATHS, len(self._made)) or self._gone_bytes > _GONE_BYTES:
            self._forget_gone()

    def deletes_in(self, path: bytes) -> None:
        """There is a deletion in the directory.

        Raises:
            InvalidArgument: there are too many of them.
        """
        if path not in self._deleting:
            self._deleting_bytes += len(path) + 1
            if self._deleting_bytes > DELETING_BYTES:
                raise InvalidArgument("whiteout: there are deletions in too many directories")
            self._deleting.add(path)

    def paths(self) -> list[bytes]:
        """Those that are there; "" is the root."""
        self._forget_gone()
        return list(self._made)

    def passed(self) -> list[bytes]:
        """Those that were there, and have been described or removed since."""
        self._forget_gone()
        return self._passed

    def deleting(self) -> list[bytes]:
        """Directories in which there was a deletion; it may be gone again."""
        return list(self._deleting)

    def _next(self) -> int:
        self._now += 1
        return self._now

    def _forget_gone(self) -> None:
        gone = self._gone
        if gone:
            kept = {
                path: made
                for path, made in self._made.items()
                if not any(gone.get(one, 0) > made for one in _with_parents(path))
            }
            self._passed += [path for path in self._made if path not in kept]
            self._made = kept
            self._gone = {}
            self._gone_bytes = 0


def _with_parents(path: bytes) -> Iterator[bytes]:
    """A path and all on the way to it, the root included."""
    while path:
        yield path
        path = path.rpartition(b"/")[0]
    yield path
