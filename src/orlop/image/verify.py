"""Whether an image may be used, as programs of the administrator say: containerd's `bindir` image verifiers.

    PROGRAM -name REF -digest DIGEST -stdin-media-type application/vnd.oci.descriptor.v1+json   < descriptor as JSON

Every program in one directory is asked, by name, and all must agree (docs/image-verification.md of containerd):
status 0 is yes, any other is no, and what it prints is the reason. A program that takes too long, cannot be started,
or is ended by a signal, is an error, and an error is no. Without programs every image may be used.

A verifier decides what may run here. So it is root's, and only root may write it; what containerd passes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, PermissionDenied, Unavailable
from orlop.oci.field_checks import shown
from orlop.oci.json_codec import encode

if TYPE_CHECKING:
    from pathlib import Path

    from orlop.oci.descriptor import Descriptor

DESCRIPTOR_MEDIA_TYPE = "application/vnd.oci.descriptor.v1+json"
OUTPUT_MAX_BYTES = 32 << 10  # containerd's; of each of stdout and stderr, the rest is read and forgotten
_CHUNK_BYTES = 64 << 10
_TRUNCATED = "(stdout truncated)"
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierSettings:
    """Where the programs are, how many are asked (-1: all), and how long each may take."""

    bin_dir: Path
    max_verifiers: int = 10
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether the image may be used, and why: what the programs said, on one line."""

    ok: bool
    reason: str


async def verify_image(settings: VerifierSettings, name: str, descriptor: Descriptor) -> Judgement:
    """Ask the verifiers, one after the other, until one says no.

    Each call ends by its deadline, whatever a program does, and leaves none of its process group behind.

    Raises:
        FailedPrecondition: the directory, or a program in it, can be written by somebody else than root.
        Unavailable: a program cannot be started, takes too long, or is ended by a signal.
    """
    programs = _programs(settings)
    if not programs:
        return Judgement(ok=True, reason=f"there are no image verifiers to ask in {settings.bin_dir}")
    reasons = []
    for program in programs:
        status, reason = await _Call(program, name, descriptor, settings.timeout_s).run()
        if status != 0:
            return Judgement(ok=False, reason=f"{program.name} refused it (exit status {status}): {reason}")
        reasons.append(f"{program.name} => {reason}")
    return Judgement(ok=True, reason=", ".join(reasons))


async def require_verified(settings: VerifierSettings, name: str, descriptor: Descriptor) -> Judgement:
    """`verify_image`, where a no is an error.

    Raises:
        PermissionDenied: a verifier says no. FailedPrecondition and Unavailable: as `verify_image`.
    """
    judgement = await verify_image(settings, name, descriptor)
    if not judgement.ok:
        raise PermissionDenied(f"image {shown(name)} ({descriptor.digest}) may not be used: {judgement.reason}")
    return judgement


def _programs(settings: VerifierSettings) -> list[Path]:
    directory = settings.bin_dir
    try:
        programs = sorted(directory.iterdir(), key=lambda path: path.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Unavailable(f"cannot read the image verifiers: {directory}: {error.strerror}") from error
    if programs:
        _require_roots_own(directory)
    if 0 <= settings.max_verifiers < len(programs):
        skipped = ", ".join(program.name for program in programs[settings.max_verifiers :])
        _log.warning("more image verifiers than max_verifiers=%d: not asked: %s", settings.max_verifiers, skipped)
        programs = programs[: settings.max_verifiers]
    for program in programs:
        _require_roots_own(program)
    return programs


def _require_roots_own(path: Path) -> None:
    """Root's, or of the user that we are, and not writable by others: what can be replaced verifies nothing."""
    try:
        status = path.stat()
    except OSError as error:
        raise Unavailable(f"cannot look at the image verifier {path}: {error.strerror}") from error
    if status.st_uid not in (0, os.geteuid()):
        raise FailedPrecondition(f"image verifier {path}: belongs to uid {status.st_uid}", hint="chown it to root")
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise FailedPrecondition(
            f"image verifier {path}: mode {stat.S_IMODE(status.st_mode):o} lets others write it", hint="chmod go-w"
        )


class _Call:
    """One program asked once."""

    def __init__(self, program: Path, name: str, descriptor: Descriptor, timeout_s: float) -> None:
        self._program = program
        self._arguments = [
            os.fspath(program),
            *("-name", name),
            *("-digest", str(descriptor.digest)),
            *("-stdin-media-type", DESCRIPTOR_MEDIA_TYPE),
        ]
        self._document = (encode(descriptor.to_json()) + "\n").encode("ascii")
        self._timeout_s = timeout_s

    async def run(self) -> tuple[int, str]:
        """Its exit status, and the reason that it printed."""
        deadline = time.monotonic() + self._timeout_s
        stdout, stderr = _Output(), _Output()
        with contextlib.closing(stdout), contextlib.closing(stderr):
            process = self._start(stdout, stderr)
            try:
                await self._wait(process, deadline)
            finally:
                status = _end_group(process)
            # What its children held open is closed now; one that left the group keeps it, and is not waited for.
            await asyncio.wait([stdout.ended, stderr.ended], timeout=max(0.0, deadline - time.monotonic()))
            self._log_stderr(stderr)
            reason = _one_line(stdout.text) + (_TRUNCATED if stdout.is_truncated else "")
        if status < 0:
            raise Unavailable(f"image verifier {self._program}: was ended by {_signal_name(-status)}")
        return status, reason

    def _start(self, stdout: _Output, stderr: _Output) -> subprocess.Popen[bytes]:
        try:
            # A file is read at the verifier's own pace, or not at all, and nobody waits for it to be written.
            with os.fdopen(os.memfd_create("descriptor", os.MFD_CLOEXEC), "rb+", buffering=0) as document:
                document.write(self._document)
                document.seek(0)
                process = subprocess.Popen(
                    self._arguments,
                    stdin=document,
                    stdout=stdout.write_fd,
                    stderr=stderr.write_fd,
                    start_new_session=True,  # its own group, which ends as a whole
                )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise Unavailable(f"cannot start the image verifier {self._program}: {reason}") from error
        stdout.read()
        stderr.read()
        return process

    async def _wait(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        pidfd = os.pidfd_open(process.pid)
        try:
            loop.add_reader(pidfd, ended.set)
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await ended.wait()
        except TimeoutError:
            raise Unavailable(
                f"image verifier {self._program}: did not end within {self._timeout_s:g} s",
                hint="see what it waits for, or raise the timeout",
            ) from None
        finally:
            loop.remove_reader(pidfd)
            os.close(pidfd)

    def _log_stderr(self, stderr: _Output) -> None:
        for line in stderr.text.splitlines():
            _log.debug("image verifier %s: %s", self._program.name, shown(line))
        if stderr.is_truncated:
            _log.debug("image verifier %s: more than %d bytes of stderr", self._program.name, OUTPUT_MAX_BYTES)


class _Output:
    """A pipe whose first part is kept. `ended` is done when nobody writes any more."""

    def __init__(self) -> None:
        self._read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read_fd, False)
        self._kept = bytearray()
        self._loop = asyncio.get_running_loop()
        self.is_truncated = False
        self.ended: asyncio.Future[None] = self._loop.create_future()

    @property
    def text(self) -> str:
        """What was kept."""
        return self._kept.decode("utf-8", "replace")

    def read(self) -> None:
        """Begin to read; the writing end belongs to the program from now on."""
        self._close_write_end()
        self._loop.add_reader(self._read_fd, self._take)

    def _take(self) -> None:
        try:
            data = os.read(self._read_fd, _CHUNK_BYTES)
        except BlockingIOError:
            return
        room = OUTPUT_MAX_BYTES - len(self._kept)
        self._kept += data[:room]
        self.is_truncated |= len(data) > room
        if not data:
            self._loop.remove_reader(self._read_fd)
            self.ended.set_result(None)

    def _close_write_end(self) -> None:
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def close(self) -> None:
        """Let go of both ends; a program that writes on gets SIGPIPE."""
        self._close_write_end()
        self._loop.remove_reader(self._read_fd)
        os.close(self._read_fd)
        self.ended.cancel()


def _end_group(process: subprocess.Popen[bytes]) -> int:
    """End what is left of a program; returns its status, which is negative after a signal.

    The group is named by the program's pid, which nobody else can have before the program is reaped: so the signal
    comes first.
    """
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _one_line(text: str) -> str:
    """What was printed, without what would move a terminal's cursor or begin a new line in a log."""
    return "".join(character if character.isprintable() else " " for character in text.strip())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
