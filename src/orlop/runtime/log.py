"""The log file of the command line (`--log`, `--log-format`), where shims and conmon look why something failed."""

from __future__ import annotations

import posix

from orlop.oci.json_codec import encode
from orlop.runtime.state_directory import timestamp


class Log:
    """Appends one line per message, in logrus' shape (the one that runc's callers parse). No path: keeps nothing."""

    __slots__ = ("_mode", "_path", "is_debug", "is_json")

    def __init__(self, path: str | None, *, is_json: bool = False, is_debug: bool = False, umask: int = 0o022) -> None:
        self._path = path
        self._mode = 0o644 & ~umask
        self.is_json = is_json
        self.is_debug = is_debug

    @property
    def has_file(self) -> bool:
        """Whether there is a log to write to."""
        return self._path is not None

    def line(self, level: str, message: str) -> str:
        """A message as it stands in the log, with its newline."""
        time = timestamp()[:19] + "Z"
        if self.is_json:
            return encode({"level": level, "msg": message, "time": time}) + "\n"
        quoted = one_line(message.replace("\\", "\\\\").replace('"', '\\"'))
        return f'time="{time}" level={level} msg="{quoted}"\n'

    def write(self, level: str, message: str) -> None:
        """Append a message; debug ones only with --debug. Does nothing without a log file."""
        if self._path is None or (level == "debug" and not self.is_debug):
            return
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC
        fd = posix.open(self._path, flags, self._mode)
        try:
            posix.write(fd, self.line(level, message).encode("utf-8", "backslashreplace"))
        finally:
            posix.close(fd)


def one_line(text: str) -> str:
    """A message without control characters, which could forge lines or move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
