"""Entries act on each other as on a file system, with deletions in overlay's form; what cannot be is refused."""

from __future__ import annotations

import stat
from collections import deque
from typing import TYPE_CHECKING

import pytest

from erofs_entries import directory, entry, hard_link, image_of, link
from erofs_reader import Image, Inode
from orlop.archive.contract import Entry, EntryType, Limits
from orlop.archive.erofs_tree import LayerTree
from orlop.archive.ownership import IdMap
from orlop.errors import InvalidArgument, NotImplementedFeature

if TYPE_CHECKING:
    from collections.abc import Sequence

TAR = b"".join(bytes([number]) * 512 for number in range(64))


def paths(*entries: Entry, **options: object) -> dict[str, Inode]:
    return Image(image_of(entries, TAR, **options), TAR).paths  # type: ignore[arg-type]


def file(path: str, number: int = 1, **fields: object) -> Entry:
    """A file whose content is `number`, 100 times."""
    return entry(path, size=100, data_offset=number * 512, **fields)


def is_whiteout(inode: Inode) -> bool:
    return stat.S_ISCHR(inode.mode) and inode.device == (0, 0)


def test_an_empty_layer_has_a_root_of_mode_0755() -> None:
    tree = paths()
    assert list(tree) == [""]
    assert (tree[""].mode, tree[""].uid, tree[""].gid, tree[""].mtime_ns) == (stat.S_IFDIR | 0o755, 0, 0, 0)


def test_the_root_has_what_its_entry_says() -> None:
    root = paths(directory("", mode=0o1700, uid=3, gid=4, mtime_ns=-1))[""]
    assert (root.mode, root.uid, root.gid, root.mtime_ns) == (stat.S_IFDIR | 0o1700, 3, 4, -1)


def test_parents_without_an_entry_are_made_and_take_what_a_later_entry_says() -> None:
    tree = paths(file("a/b/c"), directory("a", mode=0o700, mtime_ns=5))
    assert (tree["a"].mode & 0o7777, tree["a"].mtime_ns) == (0o700, 5)
    assert (tree["a/b"].mode & 0o7777, tree["a/b"].mtime_ns) == (0o755, 0)
    assert tree["a/b/c"].content == b"\1" * 100


def test_a_later_entry_replaces_an_earlier_one() -> None:
    tree = paths(file("a", 1), file("a", 2), link("b", "x"), file("b", 3), file("c", 4), link("c", "y"))
    assert [tree["a"].content[:1], tree["b"].content[:1], tree["c"].content] == [b"\2", b"\3", b"y"]


def test_a_directory_on_a_directory_keeps_what_is_inside_and_no_attributes() -> None:
    first = directory("d", xattrs={b"user.a": b"1", b"user.b": b"1"})
    tree = paths(first, file("d/f"), directory("d", mode=0o711, xattrs={b"user.b": b"2"}))
    assert tree["d"].mode & 0o7777 == 0o711
    assert tree["d"].xattrs == {"user.b": b"2"}
    assert "d/f" in tree


def test_a_file_on_a_directory_removes_what_was_inside() -> None:
    tree = paths(directory("d"), file("d/e/f"), link("d/l", "x"), file("d"), file("other"))
    assert set(tree) == {"", "d", "other"}


def test_a_directory_on_something_else_hides_what_lower_layers_have() -> None:
    tree = paths(file("d"), directory("d"), file("d/f"), entry(".wh.e"), directory("e"))
    assert tree["d"].xattrs == tree["e"].xattrs == {"trusted.overlay.opaque": b"y"}


def test_a_directory_that_was_deleted_and_has_something_in_it_is_a_new_one() -> None:
    tree = LayerTree(Limits(), memory_bytes=1 << 20, uids=IdMap((), "uid"), gids=IdMap((), "gid"))
    for one in (entry(".wh.a"), file("a/b/f"), entry("o/.wh..wh..opq"), file("o/b/f"), file("c/d/f"), file("c/d")):
        tree.add(one)
    assert list(tree.implied.values()) == [b"", b"o", b"c"]
    assert tree.passed == [b"c/d"]
    assert paths(entry(".wh.a"), file("a/b/f"))["a"].xattrs == {"trusted.overlay.opaque": b"y"}


def test_too_long_paths_of_directories_without_entry_are_refused() -> None:
    tree = LayerTree(Limits(), memory_bytes=1 << 24, uids=IdMap((), "uid"), gids=IdMap((), "gid"))
    long = "/".join(["n" * 250] * 15)
    files = [file(f"{long}/{number}/f") for number in range(3000)]
    with pytest.raises(InvalidArgument, match="too many directories have no entry of their own"):
        deque(map(tree.add, files))


def test_attributes_that_no_file_gets_are_counted() -> None:
    tree = LayerTree(Limits(), memory_bytes=1 << 20, uids=IdMap((), "uid"), gids=IdMap((), "gid"))
    tree.add(directory("d", xattrs={b"user.a": b"", b"trusted.x": b""}))
    tree.add(link("l", "x", xattrs={b"user.a": b"", b"trusted.x": b""}))
    assert tree.dropped_xattrs == {b"trusted.x": 2, b"user.a": 1}


def test_hard_links_are_one_inode_that_outlives_its_first_name() -> None:
    tree = paths(file("a", 1), hard_link("d/b", "a"), hard_link("c", "d/b"), file("a", 2))
    assert tree["d/b"] is tree["c"]
    assert (tree["c"].nlink, tree["c"].content[:1], tree["a"].content[:1]) == (2, b"\1", b"\2")


def test_a_hard_link_to_a_link_is_the_link() -> None:
    tree = paths(link("a", "target"), hard_link("b", "a"))
    assert tree["a"] is tree["b"]
    assert tree["b"].content == b"target"


def test_a_hard_link_replaces_what_stands_there_and_twice_is_once() -> None:
    tree = paths(file("a"), directory("b"), file("b/x"), hard_link("b", "a"), hard_link("b", "a"))
    assert set(tree) == {"", "a", "b"}
    assert tree["b"].nlink == 2


def test_parts_that_are_links_lead_where_they_point_within_the_root() -> None:
    tree = paths(
        directory("usr/lib"),
        link("lib", "usr/lib"),
        file("lib/a"),
        link("usr/up", "../../../../etc"),
        file("usr/up/b"),
        link("abs", "/made"),
        file("abs/c"),
        hard_link("hard", "lib/a"),
    )
    assert {"usr/lib/a", "etc/b", "made/c", "hard"} < set(tree)
    assert tree["hard"] is tree["usr/lib/a"]


def test_a_replaced_link_leads_nowhere_any_more() -> None:
    tree = paths(directory("d"), link("l", "d"), file("l/a"), directory("l"), file("l/b"))
    assert {"d/a", "l/b"} < set(tree)


def test_whiteouts_become_devices_and_hide_nothing_of_their_own_layer() -> None:
    tree = paths(entry(".wh.gone"), file("d/kept"), entry("d/.wh.kept"), entry("d/.wh.late"), file("d/late"))
    assert is_whiteout(tree["gone"])
    assert stat.S_ISREG(tree["d/kept"].mode)
    assert stat.S_ISREG(tree["d/late"].mode)


def test_a_whiteout_beneath_a_file_has_nothing_to_hide() -> None:
    found = paths(file("a"), entry("a/.wh.b"), entry("a/b/.wh..wh..opq"), entry(".wh.c"), entry("c/.wh.d"))
    assert set(found) == {"", "a", "c"}
    assert is_whiteout(found["c"])


def test_opaque_directories_have_no_whiteouts_at_any_depth() -> None:
    found = paths(
        entry("d/.wh.before"), entry("d/e/.wh.x"), file("d/e/f"), entry("d/.wh..wh..opq"), entry("d/.wh.behind"),
        entry("o/.wh.stays"),
    )  # fmt: skip
    assert set(found) == {"", "d", "d/e", "d/e/f", "o", "o/stays"}


def test_a_whiteout_of_the_layers_own_directory_makes_it_opaque() -> None:
    assert paths(directory("d"), entry(".wh.d"))["d"].xattrs == {"trusted.overlay.opaque": b"y"}


@pytest.mark.parametrize(("user_xattr", "name"), [(False, "trusted.overlay.opaque"), (True, "user.overlay.opaque")])
def test_opaque_directories_are_marked(user_xattr: bool, name: str) -> None:
    tree = paths(directory("d", xattrs={b"user.a": b"1"}), file("d/f"), entry("d/.wh..wh..opq"), user_xattr=user_xattr)
    assert tree["d"].xattrs == {"user.a": b"1", name: b"y"}
    assert set(tree) == {"", "d", "d/f"}


def test_what_aufs_left_behind_is_no_file() -> None:
    assert set(paths(directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2"), entry(".wh..wh.aufs"))) == {""}


def test_marks_of_the_host_are_dropped_from_attributes() -> None:
    xattrs = {
        b"trusted.overlay.redirect": b"/",
        b"user.overlay.opaque": b"y",
        b"security.selinux": b"x",
        b"user.k": b"v",
    }
    assert paths(directory("d", xattrs=xattrs))["d"].xattrs == {"user.k": b"v"}


def test_user_attributes_are_for_files_and_directories() -> None:
    fifo = entry("f", EntryType.FIFO, xattrs={b"user.k": b"v"})
    assert paths(fifo, link("l", "t", xattrs={b"user.k": b"v"}))["f"].xattrs == {}


def test_devices_and_fifos_have_numbers_and_modes() -> None:
    tree = paths(
        entry("null", EntryType.CHARACTER_DEVICE, device=(1, 3), mode=0o666),
        entry("disk", EntryType.BLOCK_DEVICE, device=(259, 70_000), mode=0o660),
        entry("fifo", EntryType.FIFO, mode=0o600),
    )
    assert (tree["null"].mode, tree["null"].device) == (stat.S_IFCHR | 0o666, (1, 3))
    assert (tree["disk"].mode, tree["disk"].device) == (stat.S_IFBLK | 0o660, (259, 70_000))
    assert tree["fifo"].mode == stat.S_IFIFO | 0o600


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([file("a/" * 1001 + "b")], "more than 1000 parts"),
        ([file("n" * 256)], '": a name cannot be this'),
        ([file("n" * 256 + "/a")], "a name in its path cannot be this"),
        ([file("a/..")], "a name cannot be this"),
        ([file("a/./b")], "a name in its path cannot be this"),
        ([file("a//b")], "a name in its path cannot be this"),
        ([file("a\0b")], "a name cannot be this"),
        ([file("a"), file("a/b")], '"a/b": "a" on the way to it is no directory of this layer'),
        ([entry(".wh.a"), hard_link("b", "a/b")], '"a" on the way to it is no directory'),
        ([link("a", "b"), link("b", "a"), file("a/c")], "too many links"),
        ([hard_link("a", "b")], 'a hard link to "b", which is not in this layer'),
        ([hard_link("a", "b/c")], '"b" on the way to it is no directory'),
        ([directory("b"), hard_link("a", "b")], "which is a directory or a deletion"),
        ([entry(".wh.b"), hard_link("a", "b")], "which is a directory or a deletion"),
        ([file("a"), hard_link("a", "a")], "which is itself"),
        ([file("d/a"), hard_link("d", "d/a")], '"d" on the way to it is no directory'),
        ([link("a", "")], "target has 1 to 4095 bytes"),
        ([link("a", "t" * 4096)], "target has 1 to 4095 bytes"),
        ([link("a", "t\0")], "no NUL"),
        ([entry("", EntryType.FIFO)], "the root is a directory, not a fifo"),
        ([entry(".wh.")], "names no file"),
        ([entry("a/.wh..")], "names no file"),
        ([directory(".wh.a")], "a whiteout is an empty file, not a directory"),
        ([file(".wh.a")], "a whiteout is an empty file, not a file of 100 bytes"),
        ([entry("a", EntryType.CHARACTER_DEVICE)], "0:0 is overlayfs's mark"),
        ([entry("a", EntryType.BLOCK_DEVICE, device=(4096, 0))], "more than 12 and 20 bits"),
        ([entry("a", EntryType.FIFO, mode=0o4755)], "with setuid or setgid is not supported"),
        ([file("a", mode=0o10000)], "out of range"),
        ([file("a", uid=0xFFFFFFFF)], "out of range"),
        ([file("a", gid=-1)], "out of range"),
        ([entry("a", size=1 << 63)], "out of range"),
        ([file("a", mtime_ns=10**30)], "its time"),
        ([entry("a", size=1, data_offset=100)], "no multiple of 512"),
        ([entry("a", size=9, segments=((0, 5), (4, 1)))], "overlaps, or leaves the file"),
        ([entry("a", size=9, segments=((0, 10),))], "overlaps, or leaves the file"),
        ([entry("a", size=9, segments=((0, -1),))], "overlaps, or leaves the file"),
        ([file("a", xattrs={b"user.": b""})], 'extended attribute "user."'),
    ],
)
def test_what_cannot_be_is_refused(entries: Sequence[Entry], why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        image_of(entries, TAR)
    assert why in caught.value.message
    assert "\n" not in caught.value.message


def test_the_limits_are_the_callers() -> None:
    with pytest.raises(InvalidArgument, match="a name cannot be this"):
        image_of([file("long")], TAR, limits=Limits(name_bytes=3))


def test_the_memory_has_a_bound_and_the_error_a_way_out() -> None:
    with pytest.raises(NotImplementedFeature, match="needs more than 1 MiB of memory; use --snapshotter overlayfs"):
        image_of((file(f"{number:0100}") for number in range(100_000)), TAR, memory_bytes=1 << 20)


def test_directories_that_had_no_entry_at_first_are_told() -> None:
    tree = _tree(
        file("a/f"),
        directory("a"),
        file("b/c/f"),
        file("b"),
        directory("d"),
        file("d/f"),
        link("l", "e"),
        file("l/f/g"),
    )
    assert list(tree.implied.values()) == [b"", b"e", b"e/f"]
    assert sorted(tree.passed) == [b"a", b"b", b"b/c"]


def test_directories_with_deletions_are_told_by_where_they_are() -> None:
    whiteouts = [entry(".wh.x"), link("l", "a/b"), entry("l/.wh.x"), entry("a/b/.wh.y"), entry("o/.wh..wh..opq")]
    assert sorted(_tree(*whiteouts).deleting) == [b"", b"a/b"]


def test_there_may_not_be_too_many_directories_with_deletions() -> None:
    long = "/".join(["n" * 250] * 15)
    described = [directory("/".join(["n" * 250] * depth)) for depth in range(1, 16)]
    tree = _tree(*described, memory_bytes=1 << 24)
    entries = [one for n in range(600) for one in (directory(f"{long}/{n}"), entry(f"{long}/{n}/.wh.x"))]
    with pytest.raises(InvalidArgument, match="whiteout: there are deletions in too many directories"):
        deque(map(tree.add, entries))


@pytest.mark.parametrize("target", ["d/missing", "no/directory", "f/below-a-file"])
def test_a_hard_link_to_what_a_layer_below_may_have_needs_the_parent(target: str) -> None:
    entries = [directory("d"), file("f"), hard_link("l", target), file("g")]
    with pytest.raises(InvalidArgument, match=r"it is a hard link to|on the way to it"):
        _tree(*entries)
    tree = _tree(*entries, has_parent=True)
    assert tree.needs_parent
    assert b"l" not in tree.children[0]
    assert not _tree(file("f"), hard_link("h", "f"), has_parent=True).needs_parent


def _tree(*entries: Entry, memory_bytes: int = 1 << 20, has_parent: bool = False) -> LayerTree:
    uids, gids = IdMap((), "uid"), IdMap((), "gid")
    tree = LayerTree(Limits(), memory_bytes=memory_bytes, uids=uids, gids=gids, has_parent=has_parent)
    for one in entries:
        tree.add(one)
    return tree
