"""The executor's end of the wire (docs/executor.md), driven by a test.

Everything that it will say is sent before the planner runs: a socket keeps it. The planner that asks for more than that
sees the executor's end, so no test hangs.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from orlop.plan.operations import CODE, ENCODING, OPERATION_SIZE
from orlop.runtime.protocol import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

HELLO, PLAN, EXIT, WRITE, FAIL, WARN, DONE, TRACE = range(1, 9)

_FRAME = struct.Struct("<II")
_HEADER = struct.Struct("<IIIIIII")
_NAMES = {code: name for name, code in CODE.items()}


class WireStep(NamedTuple):
    """One operation as the executor decodes it."""

    name: str
    s0: str
    s1: str
    blob: bytes
    n0: int
    n1: int


class WirePlan(NamedTuple):
    """A plan as the executor decodes it."""

    flags: int
    outer: list[WireStep]
    inner: list[WireStep]
    cleanup: list[WireStep]

    def names(self) -> list[str]:
        return [step.name for step in (*self.outer, *self.inner, *self.cleanup)]


class Told(NamedTuple):
    """What the planner has sent until its end."""

    plans: list[WirePlan]
    writes: list[tuple[int, str]]
    exits: list[tuple[int, str, str]]  # code, stdout, stderr


def frame(kind: int, payload: bytes = b"") -> bytes:
    return _FRAME.pack(kind, len(payload)) + payload


def hello(
    argv: Sequence[str | bytes],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: str = "/",
    umask: int = 0o022,
    pid: int = 1,
    version: int = 2,
    fingerprint: int = 0,
) -> bytes:
    entries = [f"{name}={value}" for name, value in (environment or {}).items()]
    strings = [text if isinstance(text, bytes) else text.encode() for text in (*argv, *entries, cwd)]
    numbers = struct.pack("<6I", version, fingerprint, len(argv), len(entries), umask, pid)
    return frame(HELLO, numbers + b"".join(text + b"\0" for text in strings))


def report(
    kind: int,
    operation: str | int,
    *,
    section: int = 0,
    index: int = 0,
    errno: int = 0,
    status: int = 0,
    where: int = 0,
    detail: str = "",
) -> bytes:
    code = operation if isinstance(operation, int) else CODE[operation]
    return frame(kind, struct.pack("<6I", section, index, code, errno, status, where) + detail.encode() + b"\0")


def decode_plan(payload: bytes) -> WirePlan:
    magic, version, flags, data_length, *counts = _HEADER.unpack_from(payload)
    assert (magic, version) == (0x504C524F, 1)
    data = payload[_HEADER.size + OPERATION_SIZE * sum(counts) :]
    assert len(data) == data_length

    def text(offset: int) -> str:
        return data[offset : data.index(b"\0", offset)].decode("utf-8", "surrogateescape")

    sections: list[list[WireStep]] = []
    position = _HEADER.size
    for count in counts:
        section = []
        for _ in range(count):
            code, _, _, _, s0, s1, blob, length, n0, n1 = struct.unpack_from(ENCODING, payload, position)
            position += OPERATION_SIZE
            section.append(WireStep(_NAMES[code], text(s0), text(s1), data[blob : blob + length], n0, n1))
        sections.append(section)
    outer, inner, cleanup = sections
    return WirePlan(flags, outer, inner, cleanup)


class ExecutorEnd:
    """Both ends of one connection: `connection` is the planner's."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.settimeout(10)
        self.connection = Connection(self._theirs.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ours.close()
        self._theirs.close()

    def say(self, *frames: bytes) -> None:
        """Send frames, whole or in parts."""
        for one in frames:
            self._ours.sendall(one)

    def say_no_more(self) -> None:
        """Let the planner see our end once it has read everything."""
        self._ours.shutdown(socket.SHUT_WR)

    def vanish(self) -> None:
        """End, as a process that is killed."""
        self._ours.close()

    def receive(self, length: int) -> bytes:
        """So many bytes of what the planner sends."""
        data = b""
        while len(data) < length:
            part = self._ours.recv(length - len(data))
            assert part, "the planner's end is closed"
            data += part
        return data

    def frames(self) -> list[tuple[int, bytes]]:
        """Every frame that the planner has sent. It can send no more then."""
        self._theirs.shutdown(socket.SHUT_WR)
        data = b""
        while part := self._ours.recv(1 << 20):
            data += part
        found = []
        while data:
            kind, length = _FRAME.unpack_from(data)
            payload, data = data[_FRAME.size : _FRAME.size + length], data[_FRAME.size + length :]
            assert len(payload) == length
            found.append((kind, payload))
        return found

    def told(self) -> Told:
        """The same, decoded."""
        told = Told([], [], [])
        for kind, payload in self.frames():
            if kind == PLAN:
                told.plans.append(decode_plan(payload))
            elif kind == WRITE:
                told.writes.append((int.from_bytes(payload[:4], "little"), payload[4:].decode()))
            else:
                assert kind == EXIT
                code, length = _FRAME.unpack_from(payload)
                rest = payload[_FRAME.size :]
                told.exits.append((code, rest[:length].decode(), rest[length:].decode()))
        return told
