"""containerd's labels for collection (docs/garbage-collection.md there, core/metadata/gc.go): what they say, as nodes.

| label | says |
| --- | --- |
| `containerd.io/gc.root` | this is kept, whoever refers to it (blobs and snapshots) |
| `containerd.io/gc.ref.content[.X]`, `[/X]` | this refers to the blob of that digest |
| `containerd.io/gc.ref.image[.X]`, `[/X]` | this refers to the image of that name |
| `containerd.io/gc.ref.snapshot.SNAPSHOTTER[/X]` | this refers to the snapshot of that name |
| `containerd.io/gc.bref...` | the other way round: what is named refers to this |
| `containerd.io/gc.expire` | a lease, or an image, ends then |
| `containerd.io/gc.flat` | a lease keeps what it names, and not what that refers to |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import InvalidArgument
from orlop.image.contract import GC_EXPIRE, GC_ROOT, ResourceType

from .reachability import Node
from .rfc3339 import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GC_PREFIX = "containerd.io/gc."
GC_FLAT = "containerd.io/gc.flat"
_LABEL = re.compile(
    r"containerd\.io/gc\.(?P<back>b?)ref\."
    r"(?:(?P<kind>content|image)(?:[./].*)?|snapshot\.(?P<snapshotter>[^/]+)(?:/.*)?)",
    re.DOTALL,
)
_KINDS = {"content": ResourceType.CONTENT.value, "image": ResourceType.IMAGE.value}


class LabelEdge(NamedTuple):
    """What a label of a thing says: it refers to `other`, or, where `is_back`, `other` refers to it."""

    other: Node
    is_back: bool


def label_edges(namespace: str, labels: Mapping[str, str]) -> Iterator[LabelEdge]:
    """All references in the labels of a thing; they stay within its namespace."""
    for label, value in labels.items():
        match = _LABEL.fullmatch(label) if label.startswith(GC_PREFIX) else None
        if match is None:
            continue
        if match["kind"]:
            node = Node(_KINDS[match["kind"]], namespace, value)
        else:
            node = Node(ResourceType.SNAPSHOT.value, namespace, f"{match['snapshotter']}/{value}")
        yield LabelEdge(node, bool(match["back"]))


def is_root(labels: Mapping[str, str]) -> bool:
    """Whether the labels keep the thing by themselves; containerd takes whatever begins with the label's name."""
    return any(label.startswith(GC_ROOT) for label in labels)


def is_expired(labels: Mapping[str, str], now: float) -> bool:
    """Whether the labels say a time that is over. A text that is no time says nothing, as in containerd."""
    text = labels.get(GC_EXPIRE)
    if text is None:
        return False
    try:
        return parse_time(text, place=GC_EXPIRE) <= now
    except InvalidArgument:
        return False
