"""External programs that keep credentials: `docker-credential-NAME get`, host on stdin, JSON on stdout."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, Unavailable

from .printable import printable

if TYPE_CHECKING:
    from asyncio.subprocess import Process

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAX_BYTES = 64 << 10
# docker-credential-helpers, credentials/error.go: by these words a helper says that it knows nothing.
_NOT_FOUND = "credentials not found in native keychain"
_NOT_FOUND_TOO = ("no credentials server url", "no credentials username")


async def ask_helper(name: str, server: str, *, timeout_s: float) -> tuple[str, str] | None:
    """Username and secret that a helper has for a server; None where it has none.

    Raises:
        InvalidArgument: the name is not that of a helper.
        Unavailable: it is not installed, fails, says too much or takes too long.
    """
    if not _NAME.fullmatch(name):
        raise InvalidArgument(f'credential helper: "{printable(name)}" is not the name of one')
    program = f"docker-credential-{name}"
    path = shutil.which(program)
    if path is None:
        raise Unavailable(f"cannot ask {program} for credentials: it is not installed", hint="install it on PATH")
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            "get",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # an error is on stdout; stderr may hold anything
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"cannot start {path}: {error.strerror}") from error
    output = await _output(process, program, server, timeout_s)
    if process.returncode != 0:
        _check_failure(program, output)
        return None
    return _answer(program, output)


async def _output(process: Process, program: str, server: str, timeout_s: float) -> bytes:
    try:
        async with asyncio.timeout(timeout_s):
            output = await _exchange(process, server)
            if len(output) > _MAX_BYTES:
                raise Unavailable(f"{program}: says more than 64 KiB")
            await process.wait()
    except TimeoutError:
        raise Unavailable(f"{program}: gave no answer within {timeout_s:g} s") from None
    finally:
        # Whatever it started is in its session; one that answered and ended has left nothing to kill.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return output


async def _exchange(process: Process, server: str) -> bytes:
    assert process.stdin is not None, "it was started with a pipe"  # noqa: S101 -- for the type checker
    assert process.stdout is not None, "it was started with a pipe"  # noqa: S101 -- for the type checker
    with contextlib.suppress(ConnectionError):  # it may answer without reading
        process.stdin.write(f"{server}\n".encode())
        await process.stdin.drain()
    process.stdin.close()
    output = b""
    while len(output) <= _MAX_BYTES and (part := await process.stdout.read(_MAX_BYTES)):
        output += part
    return output


def _check_failure(program: str, output: bytes) -> None:
    said = output.decode("utf-8", "replace").strip()
    if _NOT_FOUND in said or said in _NOT_FOUND_TOO:
        return
    raise Unavailable(f"{program}: {printable(said, limit=200) or 'failed without a word'}")


def _answer(program: str, output: bytes) -> tuple[str, str] | None:
    try:
        answer = json.loads(output)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, LookupError, TypeError, RecursionError):
        username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise Unavailable(f"{program}: its answer is not JSON with Username and Secret") from None
    return (username, secret) if username or secret else None
