"""What is still needed, in a graph of things that refer to each other. It knows nothing of databases and files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Node(NamedTuple):
    """A thing. `kind` is a value of `ResourceType`; the key of a snapshot is `SNAPSHOTTER/NAME`."""

    kind: str
    namespace: str
    key: str


class Graph:
    """Who is held, and who refers to whom. That either end of an edge is not there is no error.

    There are two sorts of edges. A *part* belongs to what a thing is: the parent of a snapshot, the target of an
    image. A *reference* was put on it by a label. A flat hold keeps a thing and its parts, and theirs; a full one
    keeps what they refer to as well.
    """

    def __init__(self) -> None:
        self._parts: defaultdict[Node, list[Node]] = defaultdict(list)
        self._references: defaultdict[Node, list[Node]] = defaultdict(list)
        self._held: list[Node] = []
        self._held_flat: list[Node] = []

    def hold(self, node: Node, *, is_flat: bool = False) -> None:
        """Keep a thing, whoever refers to it."""
        (self._held_flat if is_flat else self._held).append(node)

    def add_part(self, whole: Node, part: Node) -> None:
        """Whoever keeps `whole` keeps `part`."""
        self._parts[whole].append(part)

    def add_reference(self, source: Node, target: Node) -> None:
        """Whoever keeps all that `source` refers to keeps `target`."""
        self._references[source].append(target)

    def reachable(self) -> set[Node]:
        """What must be kept."""
        full = _closure(self._held, set(), (self._parts, self._references))
        return _closure(self._held_flat, full, (self._parts,))


def _closure(starts: Iterable[Node], seen: set[Node], edges: tuple[Mapping[Node, list[Node]], ...]) -> set[Node]:
    """`seen`, and all that the starts lead to. What is seen already has been followed as far as it must."""
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        for table in edges:
            waiting.extend(table.get(node, ()))
    return seen
