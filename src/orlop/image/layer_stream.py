"""A layer's bytes on their way from the registry to an unpacker at the end of a pipe.

    fetch --- begin, offer..., end ---> pipe ---> unpacker

The pipe is made when the first byte is about to come. Its writing end never blocks: a thread that waits for an
unpacker could not be cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orlop.archive.contract import UnpackJob, UnpackResult

    from .layers import Unpack

_PIPE_BYTES = 1 << 20  # the most that an unprivileged user may ask for by default
_NOTHING = memoryview(b"")


class LayerStream:
    """One layer's stream. It is fetch's `Copy`; whoever made it closes it."""

    def __init__(self, unpack: Unpack, job: UnpackJob) -> None:
        self._unpack = unpack
        self._job = job
        self._read_fd = self._write_fd = -1
        self._begun = asyncio.Event()
        self.has_ended = False  # the unpacker sees the end of the layer, and not of what came of it

    @property
    def is_begun(self) -> bool:
        """Whether the layer comes from its first byte on."""
        return self._begun.is_set()

    async def unpacked(self) -> UnpackResult:
        """What the unpacker makes of the layer; waits until it has begun, so maybe until it is cancelled."""
        await self._begun.wait()
        stream_fd, self._read_fd = self._read_fd, -1
        return await self._unpack(self._job, stream_fd)

    def begin(self) -> None:
        """Let the unpacker start."""
        self._read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._write_fd, False)
        with contextlib.suppress(OSError):  # user.pipe_pages_soft limits it: a small pipe works too
            fcntl.fcntl(self._write_fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._begun.set()

    def offer(self, data: memoryview) -> memoryview:
        """Put into the pipe what there is room for; returns the rest. It is empty too when nobody reads any more."""
        try:
            while data:
                data = data[os.write(self._write_fd, data) :]
        except BlockingIOError:
            return data
        except BrokenPipeError:
            return _NOTHING
        return data

    async def until_ready(self) -> None:
        """Wait until there is room, or nobody reads any more."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_writer(self._write_fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._write_fd)

    def end(self) -> None:
        """Let the unpacker see the end."""
        self.has_ended = True
        self._close_writing_end()

    def close(self) -> None:
        """Let go of the pipe. Requires: neither fetch nor unpacker are at work any more."""
        self._close_writing_end()
        if self._read_fd >= 0:  # the unpacker was cancelled before it began
            os.close(self._read_fd)
            self._read_fd = -1

    def _close_writing_end(self) -> None:
        if self._write_fd >= 0:
            os.close(self._write_fd)
            self._write_fd = -1
