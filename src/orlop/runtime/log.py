"""The log file of the command line (`--log`, `--log-format`), where shims and conmon look why something failed."""

from __future__ import annotations

import posix

from orlop.oci.json_codec import encode
from orlop.runtime.state_directory import timestamp


class Log:
    """Appends one line per message, in logrus' shape (the one that runc's callers parse). No path: keeps nothing.

    The file is made, as runc makes it, and open until `close`: who looks there for an error must not look in vain.
    """

    __slots__ = ("_fd", "is_debug", "is_json")

    def __init__(self, path: str | None, *, is_json: bool = False, is_debug: bool = False, umask: int = 0o022) -> None:
        """Raises OSError when it cannot be opened."""
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC
        self._fd = posix.open(path, flags, 0o644 & ~umask) if path else -1
        self.is_json = is_json
        self.is_debug = is_debug

    @property
    def has_file(self) -> bool:
        """Whether there is a log to write to."""
        return self._fd >= 0

    def close(self) -> None:
        """Close the file; the log keeps nothing from now on."""
        if self._fd >= 0:
            posix.close(self._fd)
            self._fd = -1

    def line(self, level: str, message: str) -> str:
        """A message as it stands in the log, with its newline."""
        time = timestamp()[:19] + "Z"
        if self.is_json:
            return encode({"level": level, "msg": message, "time": time}) + "\n"
        quoted = one_line(message.replace("\\", "\\\\").replace('"', '\\"'))
        return f'time="{time}" level={level} msg="{quoted}"\n'

    def write(self, level: str, message: str) -> None:
        """Append a message; debug ones only with --debug. Does nothing without a log file."""
        if self._fd >= 0 and (level != "debug" or self.is_debug):
            posix.write(self._fd, self.line(level, message).encode("utf-8", "backslashreplace"))


def one_line(text: str) -> str:
    """A message without control characters, which could forge lines or move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
