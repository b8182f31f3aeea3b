"""Valid archives with random damage: nothing but our own errors is raised, and nothing outside is touched."""

from __future__ import annotations

import io
import os
import random
import shutil
from typing import TYPE_CHECKING

import pytest

from orlop.archive.contract import EntryType, Limits
from orlop.archive.tar_reader import TarReader
from orlop.errors import OrlopError
from tar_bytes import (
    END,
    GNU,
    directory,
    file,
    hard_link,
    header,
    long_name,
    old_sparse,
    padded,
    pax,
    sparse_block,
    symlink,
    with_checksum,
)

from .archives import HOSTILE, LIMITS

if TYPE_CHECKING:
    from .conftest import Arena

pytestmark = pytest.mark.needs_root

SEEDS = range(8)
_PER_SEED = 40


def _valid(outside: bytes) -> bytes:
    sparse = padded(b"2\n0\n4\n9000\n4\n") + b"datadata"
    names = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"d/s1")]
    return b"".join([
        directory(b"./"),
        directory(b"d", mode=0o1777),
        file(b"d/f", b"x" * 700, uid=5),
        pax((b"path", b"d/" + b"n" * 120), (b"mtime", b"1.5"), (b"SCHILY.xattr.user.a", b"b")) + file(b"d/n", b"y"),
        long_name(b"d/" + b"l" * 150) + file(b"d/l", b"z", magic=GNU),
        symlink(b"out", outside),
        file(b"out/f", b"x"),
        hard_link(b"h", b"d/f"),
        header(b"d/c", b"3", device=(1, 3)),
        header(b"d/p", b"6"),
        old_sparse(b"d/s", 9000, [(0, 4), (10, 1), (20, 1), (30, 1)], b"abcdefghi", extended=sparse_block([(100, 2)])),
        pax(*names, (b"GNU.sparse.realsize", b"9004")) + header(b"d/s1", b"0", len(sparse)) + padded(sparse),
        file(b"d/.wh.gone"),
        directory(b"e"),
        file(b"e/.wh..wh..opq"),
        END,
    ])  # fmt: skip


def _mutated(archive: bytes, chance: random.Random) -> bytes:
    """The archive with some blocks dropped, doubled, exchanged, or with other bytes; most checksums right again."""
    blocks = [archive[at : at + 512] for at in range(0, len(archive), 512)]
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(blocks))
        change = chance.randrange(6)
        if change == 0:
            del blocks[at]
        elif change == 1:
            blocks.insert(at, blocks[chance.randrange(len(blocks))])
        elif change == 2:
            other = chance.randrange(len(blocks))
            blocks[at], blocks[other] = blocks[other], blocks[at]
        else:
            block = bytearray(blocks[at])
            for _ in range(chance.randint(1, 6)):
                place = chance.choice([chance.randrange(512), 156, 124 + chance.randrange(12), chance.randrange(100)])
                block[place] = chance.choice([0, 0x20, 0x2E, 0x2F, 0x30, 0x37, 0x39, 0x80, 0xFF, chance.randrange(256)])
            is_header = bytes(block[257:262]) == b"ustar" and chance.random() < 0.9
            blocks[at] = with_checksum(bytes(block)) if is_header else bytes(block)
        if not blocks:
            return b""
    result = b"".join(blocks)
    return result[: chance.randrange(len(result) + 1)] if chance.random() < 0.1 else result


def test_the_archive_is_valid(arena: Arena) -> None:
    stats = arena.unpack(_valid(os.fsencode(arena.outside)))
    assert stats.entries == 15
    assert stats.whiteouts == 2


@pytest.mark.parametrize("form", ["overlay", "applied"])
@pytest.mark.parametrize("seed", SEEDS)
def test_damage_is_refused_or_harmless(seed: int, form: str, arena: Arena) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same damage in every run
    outside = os.fsencode(arena.outside)
    valid = _valid(outside)
    refused = 0
    for _ in range(_PER_SEED):
        archive = _mutated(valid, chance)
        refused += not _unpacks(arena, archive, form)
        shutil.rmtree(arena.root)
        arena.root.mkdir()
    assert 0 < refused < _PER_SEED


def _unpacks(arena: Arena, archive: bytes, form: str) -> bool:
    try:
        arena.unpack(archive, form=form)
    except OrlopError:
        return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_how_the_source_cuts_its_pieces_does_not_matter(seed: int) -> None:
    """The same entries, data and error, whether `read` gives single bytes or all at once."""
    chance = random.Random(seed)  # noqa: S311 - the same pieces in every run
    for archive in (_valid(b"/out"), *(_mutated(_valid(b"/out"), chance) for _ in range(20))):
        whole = _read_all(io.BytesIO(archive).read, archive)
        source = io.BytesIO(archive)
        assert _read_all(lambda n: source.read(min(n, chance.choice([1, 7, 511, 512, 513, 5000]))), archive) == whole  # noqa: B023


def _read_all(read: object, archive: bytes) -> list[object]:
    reader = TarReader(read, Limits(**LIMITS))  # type: ignore[arg-type]
    result: list[object] = []
    try:
        for entry in reader:
            data = b""
            while piece := reader.piece(100):
                data += piece
            if entry.type is EntryType.FILE:
                assert archive[entry.data_offset : entry.data_offset + len(data)] == data
            result.append((entry, data))
        assert reader.raw_bytes == len(archive)
    except OrlopError as error:
        result.append(str(error))
    return result


def test_every_hostile_archive_is_refused_wherever_it_stands() -> None:
    """Behind a valid archive's entries the reader finds what it finds at the start."""
    front = file(b"good", b"data")
    for one in HOSTILE:
        archive = one.build(b"/outside")
        alone, behind = (
            _read_all(io.BytesIO(archive).read, archive),
            _read_all(io.BytesIO(front + archive).read, front + archive),
        )
        assert isinstance(alone[-1], str) == isinstance(behind[-1], str) or "entries" in str(behind[-1]), one.name
