"""One request to the runtime: the command line taken apart, and the ways to answer it."""

from __future__ import annotations

import posix

from orlop.errors import InvalidArgument, NotFound
from orlop.runtime.log import one_line
from orlop.runtime.state_directory import DEFAULT_ROOT, StateRoot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.command_line import Options
    from orlop.runtime.log import Log
    from orlop.runtime.protocol import Connection, Hello


class Answer:
    """What is printed, and the exit code."""

    __slots__ = ("code", "stdout")

    def __init__(self, stdout: str = "", code: int = 0) -> None:
        self.stdout = stdout
        self.code = code


class Call:
    """A verb with its options and arguments, for one caller."""

    __slots__ = ("arguments", "connection", "globals", "held_fds", "hello", "log", "options")

    def __init__(
        self,
        *,
        connection: Connection,
        hello: Hello,
        log: Log,
        global_options: Options,
        options: Options,
        arguments: list[str],
    ) -> None:
        self.connection = connection
        self.hello = hello
        self.log = log
        self.globals = global_options
        self.options = options
        self.arguments = arguments
        self.held_fds: list[int] = []  # locks, until the call is answered

    def hold(self, fd: int) -> None:
        """Keep an fd open until the call is answered."""
        self.held_fds.append(fd)

    def release(self) -> None:
        """Close what is held."""
        while self.held_fds:
            posix.close(self.held_fds.pop())

    def phase(self, name: str) -> None:
        """Another part of the planner's work begins, which only a trace wants to know."""
        if self.connection.trace is not None:
            self.connection.trace.phase(name)

    def state_root(self) -> StateRoot:
        """The state root of `--root`."""
        return StateRoot(self.path(self.globals.text("root")) or DEFAULT_ROOT)

    def warn(self, text: str) -> None:
        """Tell of something that stops nothing: in the log, or on stderr when there is none."""
        self.log.write("warning", text)
        if not self.log.has_file:
            self.connection.write(2, f"orun: warning: {one_line(text)}\n")

    def path(self, text: str) -> str:
        """A path of the command line as an absolute one; "" stays "". Raises InvalidArgument for control characters."""
        if not text:
            return ""
        if any(ord(character) < 0x20 for character in text):
            raise InvalidArgument(f"{text!r}: a path with a control character", hint="rename it")
        path = text if text.startswith("/") else f"{self.hello.cwd}/{text}"
        # Not "..": behind a link it is not what it looks like.
        return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))

    def read(self, flag: str, path: str, *, max_bytes: int, hint: str) -> bytes:
        """The bytes of the file that a flag names, one more than `max_bytes` of a longer one.

        Raises:
            NotFound: there is none.
            InvalidArgument: it is a directory, or cannot be read; the flag is named.
        """
        try:
            with open(path, "rb") as file:
                return file.read(max_bytes + 1)
        except FileNotFoundError:
            raise NotFound(f"--{flag}: {path} does not exist", hint=hint) from None
        except OSError as error:
            from orlop.linux.errno_text import errno_name_and_text

            name, text = errno_name_and_text(error.errno or 0)
            raise InvalidArgument(f"--{flag}: read {path}: {name} ({text})", hint=hint) from error
