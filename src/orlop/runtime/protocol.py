"""The planner's side of the wire to the executor (docs/executor.md): frames over one connected stream socket."""

from __future__ import annotations

from _struct import Struct
from posix import read, write
from time import monotonic_ns

from orlop.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.plan.builder import Plan
    from orlop.runtime.trace import Trace

HELLO, PLAN, EXIT, WRITE, FAIL, WARN, DONE, TRACE, ACCEPTED, REFUSED = range(1, 11)

PROTOCOL_VERSION = 2
_MESSAGE_MAX = 64 << 20
_FRAME = Struct("<II")
_HELLO = Struct("<IIIIII")
_REPORT = Struct("<IIIIII")

WHERE_STARTER = 2


class Hello:
    """Who asks, and for what: the executor's argv, environment, working directory, umask and pid.

    `proc` is its directory in /proc as this planner sees it: what the kernel says of it is read there.
    """

    __slots__ = ("argv", "began_ns", "cwd", "environment", "fingerprint", "heard_ns", "pid", "proc", "umask")

    def __init__(
        self, argv: list[str], environment: dict[str, str], cwd: str, *, umask: int, pid: int, proc: str = "/proc/self"
    ) -> None:
        self.argv = argv
        self.environment = environment
        self.cwd = cwd
        self.umask = umask
        self.pid = pid
        self.proc = proc
        self.began_ns = self.heard_ns = 0  # when the planner began to wait for it, and when it had it (CLOCK_MONOTONIC)
        self.fingerprint = 0  # of the operations that the executor knows (operation_table.fingerprint)


class Report:
    """A failure or warning of one operation, as the executor saw it."""

    __slots__ = ("code", "detail", "errno", "index", "section", "status", "where")

    def __init__(self, payload: bytes) -> None:
        numbers: tuple[int, ...] = _REPORT.unpack_from(payload)
        self.section, self.index, self.code, self.errno, self.status, self.where = numbers
        self.detail = payload[_REPORT.size :].split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


class ExecutorGone(Exception):  # noqa: N818 (what happened)
    """The executor ended, or was killed: nobody is left to be told anything."""


class ExecutorFailed(Exception):  # noqa: N818 (what happened, as the kinds in orlop.errors)
    """The executor reported that an operation of the plan failed; it has run the cleanup section already."""

    def __init__(self, plan: Plan, report: Report) -> None:
        super().__init__(report.detail)
        self.plan = plan
        self.report = report


class Connection:
    """One executor that waits for instructions.

    A cold planner is its child, so what /proc says of the planner itself is true of the executor; a resident one gives
    the executor's own directory there.
    """

    __slots__ = ("_fd", "failure_code", "proc", "trace", "warnings")

    def __init__(self, fd: int, proc: str = "/proc/self") -> None:
        self._fd = fd
        self.proc = proc
        self.failure_code = 1  # what the executor is to exit with when the request fails
        self.trace: Trace | None = None  # of this request, when --trace asks for one
        self.warnings: list[tuple[Plan, Report]] = []

    def receive_hello(self) -> Hello:
        """The first message. Raises Unavailable if it is not one, or of another version."""
        began_ns = monotonic_ns()
        kind, payload = self._receive()
        if kind != HELLO:
            raise Unavailable(f"the executor sent message {kind} instead of HELLO")
        version, fingerprint, argc, envc, umask, pid = _HELLO.unpack_from(payload)
        if version != PROTOCOL_VERSION:
            raise Unavailable(f"the executor speaks protocol {version}, this planner {PROTOCOL_VERSION}")
        strings = payload[_HELLO.size :].decode("utf-8", "surrogateescape").split("\0")
        environment = {}
        for entry in strings[argc : argc + envc]:
            name, _, value = entry.partition("=")
            environment[name] = value
        hello = Hello(strings[:argc], environment, strings[argc + envc], umask=umask, pid=pid, proc=self.proc)
        hello.fingerprint = fingerprint
        hello.began_ns, hello.heard_ns = began_ns, monotonic_ns()
        return hello

    def answer_knock(self, *, is_accepted: bool) -> None:
        """A resident planner's first word: that the request is taken, or that the executor shall start a planner."""
        self._send(ACCEPTED if is_accepted else REFUSED, b"")

    def execute(self, plan: Plan) -> None:
        """Have a plan executed. Returns when its `detach_planner` or its end is reached.

        Raises:
            ExecutorFailed: an operation failed; cleanup has run.
            ExecutorGone: it ended before it reported.
        """
        trace = self.trace
        self._send(PLAN, plan.encode() if trace is None else trace.encode(plan))
        while True:
            kind, payload = self._receive()
            if kind == DONE:
                return
            if kind == WARN:
                self.warnings.append((plan, Report(payload)))
            elif kind == TRACE and trace is not None:
                self.write(2, trace.take(plan, payload))
            elif kind == FAIL:
                raise ExecutorFailed(plan, Report(payload))

    def write(self, fd: int, text: str) -> None:
        """Have text written to the caller's stdout (1) or stderr (2), and go on."""
        self._send(WRITE, fd.to_bytes(4, "little") + text.encode("utf-8", "surrogateescape"))

    def exit(self, code: int, stdout: str = "", stderr: str = "") -> None:
        """The last answer: what to print, and the exit code."""
        if self.trace is not None:
            stderr = self.trace.finish() + stderr
        out = stdout.encode("utf-8", "surrogateescape")
        err = stderr.encode("utf-8", "surrogateescape")
        self._send(EXIT, code.to_bytes(4, "little") + len(out).to_bytes(4, "little") + out + err)

    def _send(self, kind: int, payload: bytes) -> None:
        data = memoryview(_FRAME.pack(kind, len(payload)) + payload)
        try:
            while data:
                data = data[write(self._fd, data) :]
        except (BrokenPipeError, ConnectionResetError):
            raise ExecutorGone from None

    def _receive(self) -> tuple[int, bytes]:
        kind, length = _FRAME.unpack(self._read(_FRAME.size))
        if length > _MESSAGE_MAX:
            raise Unavailable(f"the executor sent a message of {length} bytes")
        return kind, self._read(length)

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            try:
                part = read(self._fd, length - len(data))
            except ConnectionResetError:
                raise ExecutorGone from None
            if not part:
                raise ExecutorGone
            data += part
        return data
