"""Images of umoci, buildah, podman and skopeo: what we mount is what `umoci unpack` makes of them.

Mode, owner, extended attributes, times, links, devices and contents are compared, the root directory's too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trees import describe, differences

from .orlop import SNAPSHOTTERS, Orlop
from .rich_tree import CAPABILITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trees import Node

    from .makers import Makers

pytestmark = [
    pytest.mark.needs_root,
    *(pytest.mark.needs_peer(one) for one in ("docker-registry", "umoci", "skopeo", "buildah", "podman")),
]

# Who makes the image, and how many entries it has at least: an empty tree equals an empty tree.
IMAGES = {
    "umoci": 40,
    "umoci_zstd": 40,
    "umoci_docker": 40,
    "by_hand": 15,
    "behind_links": 3000,
    "buildah": 40,
    "podman": 250,
}


@pytest.fixture(scope="module")
def store(base: Path) -> Iterator[Orlop]:
    """One store for all images and snapshotters."""
    found = Orlop(base / "unpacked")
    yield found
    found.clear()


@pytest.fixture(scope="module")
def references(makers: Makers, umoci_image: str, linked_image: str, podman_image: str) -> Callable[[str], str]:
    """The reference of each image; it is made when it is asked for first."""
    known = {"umoci": umoci_image, "behind_links": linked_image, "podman": podman_image}

    def reference(name: str) -> str:
        if name not in known:
            known[name] = getattr(makers, name)()
        return known[name]

    return reference


@pytest.fixture(scope="module")
def umocis_trees(makers: Makers, references: Callable[[str], str]) -> Callable[[str], dict[str, Node]]:
    """What umoci makes of each image. This umoci has no zstd, so of that image it is the original's."""
    known: dict[str, dict[str, Node]] = {}

    def tree(name: str) -> dict[str, Node]:
        name = name.removesuffix("_zstd")
        if name not in known:
            known[name] = describe(makers.unpacked(references(name)))
        return known[name]

    return tree


# Directories that no layer has an entry of, and the root, in which umoci makes such without setting its time again:
# with umoci their time is that of the unpacking.
_LONG = "long/" + "d" * 200
OWN_TIMES_NS = {"by_hand": {".": -86_400 * 10**9, "long": 0, _LONG: 0, "opaque": 0}}


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
@pytest.mark.parametrize("name", IMAGES)
def test_the_tree_is_umocis(
    store: Orlop,
    references: Callable[[str], str],
    umocis_trees: Callable[[str], dict[str, Node]],
    name: str,
    snapshotter: str,
) -> None:
    reference = references(name)
    store.pull(reference, snapshotter=snapshotter)
    expected = dict(umocis_trees(name))
    for path, time_ns in OWN_TIMES_NS.get(name, {}).items():
        expected[path] = {**expected[path], "mtime_ns": time_ns}
    with store.mounted(reference, snapshotter=snapshotter) as target:
        found = describe(target)
    assert differences(found, expected) == []
    assert len(found) > IMAGES[name]


@pytest.mark.parametrize("name", ["umoci", "by_hand"])
def test_holes_are_where_the_layer_has_them(store: Orlop, references: Callable[[str], str], name: str) -> None:
    """With each snapshotter. Not compared with umoci: where a file has no data is no part of what a file is."""
    reference = references(name)
    trees = {}
    for snapshotter in SNAPSHOTTERS:
        store.pull(reference, snapshotter=snapshotter)
        with store.mounted(reference, snapshotter=snapshotter) as target:
            trees[snapshotter] = describe(target, holes=True)
    first, *others = SNAPSHOTTERS
    assert [(other, differences(trees[first], trees[other])) for other in others] == [(other, []) for other in others]
    if name == "by_hand":
        end = 5 << 20
        assert trees[first]["sparse"]["data"] == [(0, 4096), (1 << 20, (1 << 20) + 4096), (end - 4096, end)]


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_what_is_easily_lost_is_there(store: Orlop, umoci_image: str, snapshotter: str) -> None:
    """Named, so that a loss on both sides is found too."""
    store.pull(umoci_image, snapshotter=snapshotter)
    with store.mounted(umoci_image, snapshotter=snapshotter) as target:
        tree = describe(target)
    assert tree["bin/capable"]["xattrs"] == {"security.capability": CAPABILITY}
    assert tree["etc/noted"] == {
        "type": "-",
        "mode": "0o444",
        "owner": (3_000_000, 3_000_001),
        "xattrs": {"user.note": b"\0binary\xff"},
        "mtime_ns": 0,
        "size": 0,
        "sha256": tree["etc/noted"]["sha256"],
    }
    assert tree["bin/setuid"]["mode"] == "0o6755"
    assert tree["bin/setuid"]["mtime_ns"] == 8_000_000_000_000_000_000
    assert tree["dev/null"]["device"] == (1, 3)
    assert tree["dev/loop"]["device"] == (7, 300)
    assert tree["dev/fifo"]["type"] == "p"
    assert tree["opt/linked"]["links"] == ["opt/linked", "srv/link-across-layers", "srv/linked"]
    assert tree["srv/second"]["links"] == ["srv/first", "srv/second"]
    assert tree["opt/becomes-file"]["type"] == "-"
    assert tree["opt/becomes-directory"]["type"] == "d"
    assert sorted(name for name in tree if name.startswith(("opt/gone/", "opt/hidden/"))) == ["opt/gone/other"]
    assert "srv/caf\udce9" in tree
