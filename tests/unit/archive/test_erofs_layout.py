"""Inodes are where the kernel reads them, and no larger than they need to be."""

from __future__ import annotations

import stat

from erofs_entries import directory, entry, hard_link, image_of, link
from erofs_reader import Image
from orlop.archive.contract import EntryType

TIME = 1_700_000_000 * 10**9 + 123_456_789


def test_the_root_comes_first_and_siblings_follow_each_other() -> None:
    names = [f"{letter}/{number}" for letter in "abc" for number in range(5)]
    image = Image(image_of([entry(name) for name in reversed(names)]), b"")
    nids = [image.paths[name].nid for name in ["", "a", "b", "c", *names]]
    assert nids == sorted(nids)
    assert nids[0] == 1536 // 32


def test_most_inodes_are_compact_if_they_have_one_time() -> None:
    entries = [entry(f"f{number}", mtime_ns=TIME if number < 8 else number) for number in range(10)]
    image = Image(image_of(entries), b"")
    assert [image.paths[f"f{number}"].is_compact for number in range(10)] == [True] * 8 + [False] * 2
    assert [image.paths[f"f{number}"].mtime_ns for number in range(10)] == [TIME] * 8 + [8, 9]


def test_what_a_compact_inode_has_no_room_for_is_extended() -> None:
    entries = [
        entry("uid", uid=65536),
        entry("gid", gid=65536),
        entry("time", mtime_ns=-1),
        entry("large", size=1 << 32, segments=()),
        entry("linked"),
        hard_link("again", "linked"),
        entry("small", uid=65535, gid=65535),
        directory("usual"),
        entry("implied/file"),
    ]
    image = Image(image_of(entries), b"")
    compact = {path for path, inode in image.paths.items() if inode.is_compact}
    assert compact == {"small", "usual", "implied/file"}
    assert image.paths["time"].mtime_ns == -1


def test_inline_parts_never_cross_a_block_whatever_stands_before() -> None:
    # The reader asserts it of each inode.
    entries = [link(f"{number:03}", "t" * (number * 7 % 600 + 1), mtime_ns=number) for number in range(300)]
    entries += [entry(f"d{number}/{name}") for number in range(40) for name in "abcdefgh"[: number % 8 + 1]]
    entries += [directory(f"x{number}", xattrs={b"user.x": bytes(number * 13)}) for number in range(40)]
    image = Image(image_of(entries), b"")
    assert {inode.layout for inode in image.paths.values() if stat.S_ISLNK(inode.mode)} == {0, 2}
    for number in range(300):
        assert image.paths[f"{number:03}"].content == b"t" * (number * 7 % 600 + 1)
    for number in range(40):
        assert image.paths[f"x{number}"].xattrs.get("user.x") == bytes(number * 13)


def test_nothing_of_what_was_replaced_takes_room() -> None:
    entries = [entry("d/" + "n" * 200 + str(number)) for number in range(100)]
    assert len(image_of([*entries, entry("d")])) == len(image_of([entry("d")]))


def test_a_directory_of_many_directories_has_more_links_than_a_compact_inode_counts() -> None:
    image = Image(image_of([entry(f"{number}", EntryType.FIFO) for number in range(65_534)]), b"")
    assert not image.paths[""].is_compact
