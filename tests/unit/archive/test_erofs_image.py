"""The image of an index, byte for byte for small trees, and read back by another reader for random ones."""

from __future__ import annotations

import io
import os
import random
import stat
import struct
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest

from erofs_entries import DIFF_ID, directory, entry, hard_link, image_of, link, written
from erofs_reader import Image
from orlop.archive.contract import Entry, EntryType, IdRange
from orlop.archive.erofs_format import crc32c
from orlop.archive.erofs_image import MEMORY_BYTES, ErofsIndex
from orlop.errors import InvalidArgument, NotImplementedFeature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import ReadableBuffer as Buffer

TIME = 1_700_000_000 * 10**9
TREES: dict[str, Sequence[Entry]] = {
    "empty": [],
    "files": [
        directory("", mtime_ns=TIME),
        directory("etc", mtime_ns=TIME),
        entry("etc/hostname", size=5, data_offset=1536, mtime_ns=TIME),
        entry("etc/shadow", size=700, data_offset=2560, mode=0o640, gid=42, mtime_ns=TIME + 5),
        entry("etc/empty", mtime_ns=TIME),
        link("etc/mtab", "../proc/self/mounts", mtime_ns=TIME),
        hard_link("etc/name", "etc/hostname"),
        entry("etc/-", uid=70_000, mtime_ns=TIME),
    ],
    "overlay": [
        directory("d", mode=0o1777),
        entry("d/.wh..wh..opq"),
        entry("d/.wh.gone"),
        entry(".wh.old"),
        entry("ping", mode=0o4755, xattrs={b"security.capability": b"\1\0\0\2\0\x20" + bytes(14), b"user.k": b"value"}),
        entry("null", EntryType.CHARACTER_DEVICE, device=(1, 3), mode=0o666),
        entry("loop", EntryType.BLOCK_DEVICE, device=(7, 300), mode=0o660),
        entry("fifo", EntryType.FIFO),
    ],
    "sparse": [
        entry("mapped", size=20_480, segments=((4096, 4096), (20_480, 0)), data_offset=512),
        entry("copied", size=30_000, segments=((100, 10), (20_000, 600)), data_offset=512),
        entry("hole", size=1 << 30, segments=()),
    ],
}
TAR = bytes(512) + b"".join(b"%-511d\n" % number for number in range(1, 40))


@pytest.mark.parametrize("name", TREES)
def test_small_trees_have_these_bytes(name: str) -> None:
    path = Path(__file__).parent / "golden" / f"{name}.erofs"
    image = image_of(TREES[name], TAR)
    if os.environ.get("ORLOP_WRITE_GOLDEN"):
        path.write_bytes(image)
    assert image == path.read_bytes(), "if it is meant: ORLOP_WRITE_GOLDEN=1 pytest tests/unit/archive"


def test_the_superblock_names_the_tar_as_device() -> None:
    data = image_of(TREES["files"], TAR)
    image = Image(data, TAR)
    assert image.tag == DIFF_ID.encoded.encode()
    assert image.uuid == bytes.fromhex(DIFF_ID.encoded)[:16]
    assert image.tar_blocks == 40
    assert image.mapped_block == len(data) // 512, "behind the image: no chunk finds our inodes where it wants the tar"
    assert len(data) % 4096 == 0


def test_the_superblocks_checksum_is_of_its_block() -> None:
    data = bytearray(image_of(TREES["files"], TAR))
    found = struct.unpack_from("<I", data, 1028)[0]
    data[1028:1032] = bytes(4)
    assert found == crc32c(data[1024:1536])


def test_threat_s_what_files_hold_is_not_what_the_kernel_parses() -> None:
    image = image_of(TREES["files"], TAR)
    hostile = (image * len(TAR))[: len(TAR)]  # files that are an EROFS image themselves, at every block
    assert hostile != TAR
    assert image_of(TREES["files"], hostile) == image


def test_sparse_files_have_their_bytes_and_holes() -> None:
    paths = Image(image_of(TREES["sparse"], TAR), TAR).paths
    assert paths["mapped"].content == bytes(4096) + TAR[512 : 512 + 4096] + bytes(20_480 - 8192)
    wanted = bytearray(30_000)
    wanted[100:110] = TAR[512:522]
    wanted[20_000:20_600] = TAR[522:1122]
    assert paths["copied"].content == wanted
    assert [device for device, _ in paths["copied"].chunks] == [0, None, None, None, 0, 0, None, None]
    assert paths["hole"].chunks == [(None, None)]


def test_ids_are_mapped() -> None:
    index = ErofsIndex(uid_map=(IdRange(0, 100_000, 1000),), gid_map=(IdRange(0, 200_000, 1000),))
    index.add(entry("implied/file", uid=5, gid=6))
    paths = Image(written(index, b""), b"").paths
    assert (paths["implied/file"].uid, paths["implied/file"].gid) == (100_005, 200_006)
    assert {(paths[path].uid, paths[path].gid) for path in ("", "implied")} == {(100_000, 200_000)}


@pytest.mark.parametrize(("size", "tar_bytes"), [(513, 1024), (500, 1012)])
def test_data_whose_last_block_is_not_in_the_tar_are_refused(size: int, tar_bytes: int) -> None:
    with pytest.raises(InvalidArgument, match=f"layer: data end at byte {512 + size} of a tar of {tar_bytes} bytes"):
        image_of([entry("a", size=size, data_offset=512)], bytes(tar_bytes))


def test_directories_without_an_entry_are_told() -> None:
    index = ErofsIndex()
    for one in [entry("a/b/c/f"), directory("a/b"), entry("d/f"), entry("d"), entry("e/f")]:
        index.add(one)
    assert index.implied == [b"", b"a", b"a/b/c", b"e"]


class _SlowFile(io.FileIO):
    """Takes 1000 bytes at once."""

    def write(self, data: Buffer, /) -> int:
        return super().write(memoryview(data)[:1000])


def test_an_unbuffered_file_gets_all_bytes(tmp_path: Path) -> None:
    index = ErofsIndex()
    for one in TREES["sparse"]:
        index.add(one)
    with _SlowFile(tmp_path / "image", "w+") as output:
        index.write(cast("BinaryIO", output), tar=io.BytesIO(TAR), tar_bytes=len(TAR), diff_id=DIFF_ID)
    assert (tmp_path / "image").read_bytes() == image_of(TREES["sparse"], TAR)


def test_a_tar_of_more_blocks_than_there_are_addresses_is_refused() -> None:
    index = ErofsIndex()
    with pytest.raises(NotImplementedFeature, match="more blocks than an index can name; unpack this image with"):
        index.write(io.BytesIO(), tar=io.BytesIO(), tar_bytes=1 << 41, diff_id=DIFF_ID)


def test_a_tar_that_is_shorter_than_it_was_said_is_refused() -> None:
    index = ErofsIndex()
    index.add(TREES["sparse"][1])
    with pytest.raises(InvalidArgument, match="the tar ends at byte 1024, inside of a file"):
        index.write(io.BytesIO(), tar=io.BytesIO(TAR[:1024]), tar_bytes=len(TAR), diff_id=DIFF_ID)


def _random_entries(chance: random.Random) -> list[Entry]:
    """A tree whose entries need no order but parents first."""
    folders = [""]
    entries: list[Entry] = []
    files: list[str] = []
    for number in range(chance.randrange(1, 400)):
        name = "".join(chance.choices("abc-.~!é", k=chance.choice([1, 5, 60, 110]))) + str(number)
        path = f"{chance.choice(folders)}/{name}".lstrip("/")
        common = {
            "uid": chance.choice([0, 0, 1000, 1 << 31]),
            "gid": chance.choice([0, 0, 65_536]),
            "mtime_ns": chance.choice([TIME, TIME, -5, TIME + number]),
            "mode": chance.randrange(0o10000),
        }
        what = chance.randrange(8)
        if what == 0:
            folders.append(path)
            entries.append(directory(path, **common))
        elif what == 1:
            entries.append(link(path, "x" * chance.randrange(1, 4096), **common))
        elif what == 2 and files:
            entries.append(hard_link(path, chance.choice(files)))
        elif what == 3:
            entries.append(entry(path, EntryType.FIFO, **(common | {"mode": 0o600})))
        else:
            xattrs = {b"user.%d" % one: chance.randbytes(chance.randrange(300)) for one in range(chance.randrange(4))}
            size, offset = chance.choice([0, 1, 512, 4000]), 512 * chance.randrange(30)
            entries.append(entry(path, size=size, data_offset=offset, xattrs=xattrs, **common))
            files.append(path)
    return entries


@pytest.mark.parametrize("seed", range(25))
def test_random_trees_read_back_as_they_were(seed: int) -> None:
    entries = _random_entries(random.Random(seed))  # noqa: S311 -- repeatable
    data = image_of(entries, TAR)
    assert data == image_of(entries, TAR), "the same entries make the same bytes"
    image = Image(data, TAR)
    assert len(image.paths) == len(entries) + 1
    for one in entries:
        inode = image.paths[os.fsdecode(one.path)]
        if one.type is EntryType.HARD_LINK:
            assert inode is image.paths[os.fsdecode(one.link_target)]
            continue
        mode = 0o777 if one.type is EntryType.SYMLINK else one.mode
        assert (stat.S_IMODE(inode.mode), inode.uid, inode.gid, inode.mtime_ns) == (
            mode,
            one.uid,
            one.gid,
            one.mtime_ns,
        )
        assert inode.xattrs == {os.fsdecode(name): value for name, value in one.xattrs.items()}
        if one.type is EntryType.FILE:
            assert inode.content == TAR[one.data_offset : one.data_offset + one.size]
        elif one.type is EntryType.SYMLINK:
            assert inode.content == one.link_target


def test_the_memory_that_an_index_counts_is_what_it_takes(tmp_path: Path) -> None:
    count = 20_000
    entries = (
        entry(f"usr/lib/package{number // 10}/module{number}.py", size=1, mtime_ns=number) for number in range(count)
    )
    tracemalloc.start()
    try:
        index = ErofsIndex()
        for one in entries:
            index.add(one)
        taken = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        with (tmp_path / "image").open("w+b") as output:
            index.write(output, tar=io.BytesIO(), tar_bytes=512, diff_id=DIFF_ID)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    counted = MEMORY_BYTES - index._tree._memory_left
    assert taken < 1.5 * counted
    assert peak - taken < (1 << 20) + 80 * count, "writing takes little more than its buffers and two numbers a node"
