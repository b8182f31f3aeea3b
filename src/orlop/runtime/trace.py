"""The trace of one request (`--trace`): gathers times while it is answered, and writes them to where it says."""

from __future__ import annotations

import posix
import sys
from time import monotonic_ns, process_time_ns

from orlop.errors import InvalidArgument, OrlopError
from orlop.linux.errno_text import kernel_error
from orlop.runtime.trace_spans import PLANNER_TRACK, Span, plan_trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.plan.builder import Plan
    from orlop.runtime.protocol import Hello
    from orlop.runtime.trace_spans import PlanTrace

STDERR = "-"
_TEXT_SUFFIX = ".txt"
_HINT = "give a file that can be written, or - for standard error"


class Trace:
    """What is known of one request. Made once the command line has asked for it."""

    __slots__ = ("_fd", "_is_text", "_is_told", "_path", "_phases", "_pid", "_plans", "_running", "_sent_ns", "_title")

    def __init__(self, path: str, verb: str, hello: Hello) -> None:
        """Open the file, or create it; what stands in it stays until there is a trace.

        The planner waited for HELLO first.

        Raises:
            InvalidArgument: no file is named.
            KernelError: it cannot be opened.
        """
        self._title = f"orun {verb}".rstrip()
        self._pid = hello.pid
        self._path = path
        self._is_text = path == STDERR or path.endswith(_TEXT_SUFFIX)
        self._fd = -1 if path == STDERR else _open(path if path.startswith("/") else f"{hello.cwd}/{path}", path)
        self._phases = [Span(PLANNER_TRACK, "hello", hello.began_ns, hello.heard_ns)]
        start_ns = _interpreter_start_ns()
        if start_ns is not None and start_ns < hello.began_ns:
            self._phases.insert(0, Span(PLANNER_TRACK, "start", start_ns, hello.began_ns))
        self._running = ("arguments", hello.heard_ns)
        self._plans: list[PlanTrace] = []
        self._sent_ns = 0
        self._is_told = False

    def phase(self, name: str) -> None:
        """The planner begins with something else; "" with nothing that counts."""
        now_ns = monotonic_ns()
        running, since_ns = self._running
        if running:
            self._phases.append(Span(PLANNER_TRACK, running, since_ns, now_ns))
        self._running = (name, now_ns)

    def encode(self, plan: Plan) -> bytes:
        """The plan for the executor, which is asked to measure it. The next thing is that it is sent."""
        plan.is_traced = True
        self.phase("encode")
        data = plan.encode()
        self.phase("")
        self._sent_ns = monotonic_ns()
        return data

    def take(self, plan: Plan, payload: bytes) -> str:
        """The executor's TRACE of a plan: write all that is known by now. What to print on standard error.

        Nothing is raised: a container does not fail for its trace.
        """
        try:
            traced = plan_trace(plan, payload, self._sent_ns)
        except OrlopError as error:
            return f"orun: warning: --trace: {error}\n"
        self._plans.append(traced)
        return self._tell([traced])

    def finish(self) -> str:
        """The request is answered without a plan: write what the planner did. What to print on standard error."""
        if self._is_told:
            return ""
        self.phase("")
        return self._tell([])

    def _tell(self, latest: list[PlanTrace]) -> str:
        phases = [] if self._path == STDERR and self._is_told else self._phases  # of a second plan: not once more
        self._is_told = True
        if self._path == STDERR:
            return self._text(phases, latest)
        content = self._text(phases, self._plans) if self._is_text else self._json()
        try:
            _write(self._fd, content.encode("utf-8", "backslashreplace"))
        except OSError as error:
            return f"orun: warning: {kernel_error('write', self._path, error.errno or 0, where='--trace').message}\n"
        return ""

    def _text(self, phases: list[Span], plans: list[PlanTrace]) -> str:
        from orlop.runtime.trace_waterfall import waterfall

        return waterfall(self._title, phases, plans)

    def _json(self) -> str:
        from orlop.runtime.trace_json import trace_json

        return trace_json(self._title, self._pid, self._phases, self._plans)


def _interpreter_start_ns() -> int | None:
    """When a cold planner's interpreter began, by the CPU time that it has used; None for a planner that is there.

    No clock of the kernel tells the start of a process better than to 10 ms. A cold planner has waited for nothing by
    now, so its CPU time is how long it lives, unless it had to share the CPU: then `start` is shown too short.
    """
    if not sys.argv[0].endswith("/cold.py"):
        return None
    return monotonic_ns() - process_time_ns()


def _open(path: str, given: str) -> int:
    if not given:
        raise InvalidArgument("--trace: no file is named", hint=_HINT)
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOCTTY | posix.O_NONBLOCK
    try:
        fd = posix.open(path, flags, 0o644)  # not blocking: a FIFO without a reader would have us wait
    except OSError as error:
        raise kernel_error("open", given, error.errno or 0, where="--trace") from None
    posix.set_blocking(fd, True)
    return fd


def _write(fd: int, content: bytes) -> None:
    try:
        posix.ftruncate(fd, 0)
        posix.lseek(fd, 0, 0)
    except OSError:
        pass  # no regular file: a pipe, a terminal
    while content:
        content = content[posix.write(fd, content) :]
