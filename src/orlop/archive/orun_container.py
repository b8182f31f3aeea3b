"""A container of `orun` in the foreground, for asyncio: its output comes back, and it ends when its caller gives up.

run_container ---- orun run ID ---- the container's init
              `--- orun delete --force ID, where `orun run` could not take the container back
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

_OUTPUT_MAX_BYTES = 16 << 20
_ERRORS_MAX_BYTES = 64 << 10
_END_TIMEOUT_S = 2
_ENVIRONMENT = ("ORUN_PLANNER",)  # all that orun is given of ours: LISTEN_FDS would have it pass file descriptors on


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended. Of what it wrote to stdout these are the last 16 MiB, of stderr the last 64 KiB.

    `status` is its exit status, 128 more than the number of a signal that ended it, or orun's own; negative, a signal's
    number, where orun was killed.
    """

    status: int
    output: bytes
    errors: bytes


async def run_container(
    orun: Path, root: Path, bundle: Path, container_id: str, stdin_fd: int, *, on_start: Callable[[], None]
) -> Ended:
    """Run a container to its end; `on_start` is called when orun has `stdin_fd`.

    Nothing of it is left when this returns, or raises: cancelled, it kills the container.
    """
    with contextlib.ExitStack() as stack:
        write_fds = contextlib.ExitStack()
        stack.enter_context(write_fds)
        output = await _Pipe.make(_OUTPUT_MAX_BYTES, stack, write_fds)
        errors = await _Pipe.make(_ERRORS_MAX_BYTES, stack, write_fds)
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                orun,
                "--root",
                root,
                "run",
                "--bundle",
                bundle,
                container_id,
                stdin=stdin_fd,
                stdout=output.write_fd,
                stderr=errors.write_fd,
                start_new_session=True,  # ^C is the caller's
                env=_environment(),
            )
        )
        try:
            process = await asyncio.shield(starting)
            write_fds.close()
            on_start()
            status = await process.wait()
            if status >= 0:
                await output.ended
                await errors.ended
                return Ended(status, bytes(output.data), bytes(errors.data))
        except BaseException:
            stack.close()  # a container that watches its output ends by that alone
            await _to_the_end(_end(starting, orun, root, container_id))
            raise
        await _to_the_end(delete_container(orun, root, container_id))
        await output.ended
        return Ended(status, bytes(output.data), bytes(errors.data))


async def delete_container(orun: Path, root: Path, container_id: str) -> None:
    """Kill a container, in whatever state it is, and remove what it has. None of that name is fine."""
    process = await asyncio.create_subprocess_exec(
        orun,
        "--root",
        root,
        "delete",
        "--force",
        container_id,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        start_new_session=True,
        env=_environment(),
    )
    await process.wait()


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}


async def _to_the_end(ending: Coroutine[None, None, None]) -> None:
    """Await it though we are cancelled, and cancelled again: what it does is bounded in time."""
    task = asyncio.ensure_future(ending)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)


async def _end(starting: asyncio.Future[Process], orun: Path, root: Path, container_id: str) -> None:
    """End a run that somebody gave up. SIGTERM ends orun while it makes the container; later it is the container's."""
    try:
        process = await starting
    except OSError:
        return
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_TIMEOUT_S)
    if process.returncode is None or process.returncode < 0:
        await delete_container(orun, root, container_id)
    if process.returncode is None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_TIMEOUT_S)
    if process.returncode is None:
        process.kill()
        await process.wait()
        await delete_container(orun, root, container_id)


class _Pipe(asyncio.Protocol):
    """The reading end of a pipe; `ended` is done when nobody writes any more. It keeps the last `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self.data = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.write_fd = -1
        self._max_bytes = max_bytes

    @classmethod
    async def make(cls, max_bytes: int, read_ends: contextlib.ExitStack, write_ends: contextlib.ExitStack) -> _Pipe:
        read_fd, write_fd = os.pipe()
        write_ends.callback(os.close, write_fd)
        file = read_ends.enter_context(os.fdopen(read_fd, "rb", buffering=0))
        transport, pipe = await asyncio.get_running_loop().connect_read_pipe(lambda: cls(max_bytes), file)
        read_ends.callback(transport.close)
        pipe.write_fd = write_fd
        return pipe

    def data_received(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > self._max_bytes:
            del self.data[: -self._max_bytes]

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.ended.done():
            self.ended.set_result(None)
