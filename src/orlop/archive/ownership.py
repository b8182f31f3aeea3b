"""Owners of an archive's entries, through the id map of a user namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .contract import IdRange

_CACHED = 4096


class IdMap:
    """Ids on the host for those in the container; each its own where there are no ranges."""

    def __init__(self, ranges: Sequence[IdRange], name: str) -> None:
        self._ranges = tuple(ranges)
        self._name = name  # uid or gid
        self._known: dict[int, int] = {}
        self.is_identity = not self._ranges

    def __getitem__(self, container_id: int) -> int:
        """The id on the host.

        Raises:
            InvalidArgument: no range has it.
        """
        if self.is_identity:
            return container_id
        known = self._known.get(container_id)
        if known is not None:
            return known
        for one in self._ranges:
            if 0 <= container_id - one.container_id < one.size:
                host_id = one.host_id + container_id - one.container_id
                if len(self._known) < _CACHED:
                    self._known[container_id] = host_id
                return host_id
        raise InvalidArgument(
            f"{self._name}: {container_id} is not mapped", hint=f"add it to the ranges of {self._name}s"
        )
