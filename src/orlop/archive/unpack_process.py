"""Unpacks layers in helper processes, which are containers of `orun`.

    caller --- stream ---> helper's stdin          (it sees its own root, and the job's directory at /layer)
       ^------ result ---- helper's stdout         (it ends when nobody can read that any more)

A helper dies with its caller, and `orun` takes its container back then. What remains when both were killed is removed
by the next Unpacker of the same state directory.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import isal
import zstandard

from orlop.errors import FailedPrecondition, Internal, KernelError, Unavailable
from orlop.linux.user_namespace import is_in_user_namespace

from . import unpack_program
from .confinement import LAYER, helper_config
from .orun_container import Ended, delete_container, run_container
from .python_files import PythonFiles, python_files
from .unpack_job_directory import JobDirectory
from .unpack_wire import decode_result, encode_job

if TYPE_CHECKING:
    from .contract import UnpackJob, UnpackResult

_PIPE_BYTES = 1 << 20
_SIGNAL_STATUS = 128  # added to a signal's number
_WORDS_MAX_CHARACTERS = 400
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_MAKE_ROOM = "free some space on that file system; `orlop prune` removes what no image needs"


def find_orun() -> Path:
    """The program `orun` of this package's installation, or of the Python that runs. Nothing is looked up on PATH.

    Raises:
        Unavailable: it is in neither place.
    """
    places = [Path(sys.executable).parent / "orun"]
    packages = Path(__file__).absolute().parents[2]
    if packages.parent.name.startswith("python3") and packages.parent.parent.name.startswith("lib"):
        places.insert(0, packages.parents[2] / "bin/orun")  # beside lib/python3.x/site-packages
    for place in places:
        if os.access(place, os.X_OK):
            return place
    raise Unavailable(
        f"cannot unpack: there is no {' and no '.join(map(str, places))}", hint="install the package orlop as a whole"
    )


def confinement_obstacle() -> str:
    """Why this process cannot confine an unpacker; "" where it can."""
    if os.geteuid() != 0:
        return "only root may make the namespaces and mounts that confine the unpacker"
    if is_in_user_namespace():
        return "a user namespace may not make the device rules and nodes of the container that confines the unpacker"
    return ""


class Unpacker:
    """Unpacks layers, several at a time.

    `state_directory` is for Unpackers only, and is made; best below /run, since all in it ends with the machine.
    """

    def __init__(self, state_directory: Path, *, memory_bytes: int | None = None, program: Path | None = None) -> None:
        """`memory_bytes` is what a helper may hold, whatever its job says.

        `program` is run in place of the unpacker: how tests see what a hostile one could do.
        """
        self._state_directory = state_directory.absolute()
        self._orun_root = self._state_directory / "orun"
        self._memory_bytes = memory_bytes
        self._program = program
        self._prepared: tuple[Path, PythonFiles] | None = None

    async def unpack(self, job: UnpackJob, stream_fd: int) -> UnpackResult:
        """Unpack the layer that comes from a file descriptor into the job's directory.

        `stream_fd` is taken over, and closed as soon as the helper has it: who feeds a pipe gets EPIPE when the helper
        ends early. After an error, and when cancelled, the helper is gone before this returns, and the directory holds
        what came so far.

        Raises:
            InvalidArgument: the layer is damaged or hostile, or reaches a limit.
            FailedPrecondition: the caller is not root, or only in a user namespace.
            KernelError: the file system refuses something, or the helper was killed.
        """
        if self._memory_bytes is not None:
            job = replace(job, limits=replace(job.limits, memory_bytes=self._memory_bytes))
        with os.fdopen(stream_fd, "rb", buffering=0) as stream:
            orun, python = await self._prepare()
            directory = JobDirectory.make(self._state_directory)
            try:
                root = str(self._state_directory / "root")
                words, program = [encode_job(job, LAYER)], str(self._program or "")
                directory.write_config(helper_config(job, python, words, root=root, program=program))
                with contextlib.suppress(OSError):  # no pipe, or no more room for larger ones
                    fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
                ended = await run_container(
                    orun,
                    self._orun_root,
                    directory.path,
                    directory.container_id,
                    stream.fileno(),
                    on_start=stream.close,
                )
            finally:
                directory.remove()
        try:
            return _result(ended)
        except KernelError as error:
            if error.errno not in _NO_ROOM:
                raise
            message = f"{error.message}: {job.directory}"  # the helper knows it as /layer only
            raise KernelError(message, hint=_MAKE_ROOM, call=error.call, errno=error.errno) from None

    async def cleanup(self) -> None:
        """Remove what processes that were killed left behind. The first `unpack` does it too."""
        await self._remove_left_behind((await self._prepare())[0])

    async def _prepare(self) -> tuple[Path, PythonFiles]:
        if self._prepared is not None:
            return self._prepared
        obstacle = confinement_obstacle()
        if obstacle:
            raise FailedPrecondition(f"cannot unpack a layer: {obstacle}", hint="run this as root of the host")
        orun = find_orun()
        (self._state_directory / "root").mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._remove_left_behind(orun)
        # What the helper imports is imported here by unpack_program: so its libraries are found in this process.
        packages = [sys.modules[unpack_program.__name__.partition(".")[0]], isal, zstandard]
        self._prepared = orun, python_files(packages)
        return self._prepared

    async def _remove_left_behind(self, orun: Path) -> None:
        for left in JobDirectory.left_behind(self._state_directory):
            try:
                await delete_container(orun, self._orun_root, left.container_id)
            finally:
                left.remove()


def _result(ended: Ended) -> UnpackResult:
    with contextlib.suppress(ValueError):
        result = decode_result(ended.output)  # or the error that it tells
        if ended.status == 0:
            return result
    words = ended.errors.decode(errors="replace").strip().rpartition("\n")[2][:_WORDS_MAX_CHARACTERS]
    said = "".join(one if one.isprintable() else "?" for one in words) or "it said nothing"
    number = -ended.status if ended.status < 0 else ended.status - _SIGNAL_STATUS
    if number in set(signal.Signals):
        raise KernelError(
            f"cannot unpack the layer: the unpacker was ended by {signal.Signals(number).name}",
            hint="try again; after SIGKILL, the kernel's log may say that memory ran out",
        )
    raise Internal(f"cannot unpack the layer: the unpacker ended with status {ended.status}: {said}")
