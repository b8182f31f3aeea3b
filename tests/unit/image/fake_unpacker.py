"""An unpacker in this process: it reads the stream, keeps the archive as a file, and says its diff id. It can fail."""

from __future__ import annotations

import asyncio
import os
import stat
import zlib
from typing import TYPE_CHECKING, Any

from orlop.archive.contract import UnpackResult
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.archive.contract import UnpackJob

_READ_BYTES = 16 << 10
_WINDOW = {"gzip": 31}  # zlib's wbits for gzip's header and trailer


class FakeUnpacker:
    """`unpack` is what the modules under test take. As the real one, it closes the stream in whatever way it ends.

    `failure` is raised when `fails_at` bytes have come, or at the end; `step` is called as the unpacker gets on;
    `gate` holds back all reading until it is set.
    """

    def __init__(self) -> None:
        self.jobs: list[UnpackJob] = []
        self.failure: BaseException | None = None
        self.fails_at: int | None = None
        self.gate: asyncio.Event | None = None
        self.step: Callable[[str], None] = lambda _words: None
        self.streamed = 0  # layers that came through a pipe
        self.under_way = self.most_under_way = 0
        self.wrong = False
        self.apart: dict[str, Any] = {}  # of the result of a layer that has a parent and is unpacked without it

    async def unpack(self, job: UnpackJob, stream_fd: int) -> UnpackResult:
        self.jobs.append(job)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._unpack(job, stream_fd)
        finally:
            self.under_way -= 1
            os.close(stream_fd)

    async def _unpack(self, job: UnpackJob, stream_fd: int) -> UnpackResult:
        is_pipe = stat.S_ISFIFO(os.fstat(stream_fd).st_mode)
        self.streamed += is_pipe
        if self.gate is not None:
            await self.gate.wait()
        data = b""
        while self.fails_at is None or len(data) < self.fails_at:
            if is_pipe:
                await _readable(stream_fd)
            more = os.read(stream_fd, _READ_BYTES)
            self.step("unpacking")
            if not more:
                break
            data += more
            await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        raw = zlib.decompress(data, _WINDOW[job.compression]) if job.compression in _WINDOW else data
        (job.directory / f"layer-{len(list(job.directory.iterdir()))}").write_bytes(raw)
        diff_id = Digest.of(b"something else" if self.wrong else raw)
        apart = self.apart if job.has_parent and job.form != "applied" else {}
        return UnpackResult(diff_id=diff_id, raw_bytes=len(raw), entries=1, **apart)


async def _readable(descriptor: int) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
