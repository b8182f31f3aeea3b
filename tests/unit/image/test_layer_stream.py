"""The pipe between a fetch and an unpacker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orlop.archive.contract import UnpackJob, UnpackResult
from orlop.errors import InvalidArgument
from orlop.image.layer_stream import LayerStream
from orlop.oci.digest import Digest
from trees import same_fds

from .fake_unpacker import FakeUnpacker

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

_DEADLINE_S = 120
_DATA = bytes(range(256)) * (3 << 12)  # 3 MiB: more than the pipe holds


def _run(work: Coroutine[object, object, None]) -> None:
    with same_fds():
        asyncio.run(asyncio.wait_for(work, _DEADLINE_S))


def _stream(unpacker: FakeUnpacker, tmp_path: Path) -> LayerStream:
    return LayerStream(unpacker.unpack, UnpackJob(form="overlay", directory=tmp_path, compression="none"))


async def _feed(stream: LayerStream, data: bytes) -> None:
    rest = stream.offer(memoryview(data))
    while rest:
        await stream.until_ready()
        rest = stream.offer(rest)


def test_all_bytes_arrive_in_order(tmp_path: Path) -> None:
    async def work() -> None:
        stream = _stream(FakeUnpacker(), tmp_path)
        result = asyncio.ensure_future(stream.unpacked())
        said = [(stream.is_begun, stream.has_ended)]
        stream.begin()
        await _feed(stream, _DATA)
        said.append((stream.is_begun, stream.has_ended))
        stream.end()
        said.append((stream.is_begun, stream.has_ended))
        assert said == [(False, False), (True, False), (True, True)]
        assert (await result).diff_id == Digest.of(_DATA)
        stream.close()

    _run(work())


def test_offering_never_waits(tmp_path: Path) -> None:
    async def work() -> None:
        stream = _stream(FakeUnpacker(), tmp_path)
        stream.begin()
        rest = stream.offer(memoryview(_DATA))
        assert 0 < len(rest) < len(_DATA)
        assert len(stream.offer(rest)) == len(rest)
        stream.close()

    _run(work())


@pytest.mark.parametrize("fails_at", [0, 1 << 16])
def test_a_reader_that_goes_takes_everything_else(tmp_path: Path, fails_at: int) -> None:
    async def work() -> None:
        unpacker = FakeUnpacker()
        unpacker.fails_at, unpacker.failure = fails_at, InvalidArgument("hostile")
        stream = _stream(unpacker, tmp_path)
        result = asyncio.ensure_future(stream.unpacked())
        stream.begin()
        await _feed(stream, _DATA)  # who waits for room is woken
        assert not stream.offer(memoryview(b"more"))
        with pytest.raises(InvalidArgument, match="hostile"):
            await result
        stream.close()

    _run(work())


def test_an_unpacker_that_is_cancelled_before_it_began_leaves_no_descriptor(tmp_path: Path) -> None:
    async def work() -> None:
        unpacker = FakeUnpacker()
        stream = _stream(unpacker, tmp_path)
        result = asyncio.ensure_future(stream.unpacked())
        stream.begin()
        result.cancel()
        await asyncio.wait([result])
        stream.close()
        assert not unpacker.jobs

    _run(work())


def test_what_never_begins_has_no_pipe(tmp_path: Path) -> None:
    async def work() -> None:
        stream = _stream(FakeUnpacker(), tmp_path)
        result = asyncio.ensure_future(stream.unpacked())
        await asyncio.sleep(0)
        result.cancel()
        await asyncio.wait([result])
        stream.close()
        stream.close()

    _run(work())


def test_a_small_pipe_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr("orlop.image.layer_stream.fcntl.fcntl", refused)

    async def work() -> None:
        stream = _stream(FakeUnpacker(), tmp_path)
        result: asyncio.Future[UnpackResult] = asyncio.ensure_future(stream.unpacked())
        stream.begin()
        assert len(stream.offer(memoryview(_DATA))) == len(_DATA) - (64 << 10)
        await _feed(stream, _DATA[64 << 10 :])
        stream.end()
        assert (await result).diff_id == Digest.of(_DATA)
        stream.close()

    _run(work())


def test_the_unpacker_gets_the_job(tmp_path: Path) -> None:
    async def work() -> None:
        unpacker = FakeUnpacker()
        unpack: Callable[..., Coroutine[object, object, UnpackResult]] = unpacker.unpack
        job = UnpackJob(form="applied", directory=tmp_path, compression="none", user_xattr=True)
        stream = LayerStream(unpack, job)
        stream.begin()
        stream.end()
        await stream.unpacked()

        assert unpacker.jobs == [job]
        stream.close()

    _run(work())
