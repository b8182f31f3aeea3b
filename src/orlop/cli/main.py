"""`orlop`: takes the command line apart, runs the one command, and tells how it went."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, OrlopError

from . import command_line, command_table
from .output import printable
from .session import Terminated

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from .session import Session

_INTERRUPTED = 130  # what a shell reports of a program that SIGINT has ended
_READER_GONE = 141  # the same for SIGPIPE
_TERMINATED = 143  # and for SIGTERM


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code.

    That is 0, or 1 for an error that was told; 130 after ^C, 141 after SIGPIPE, 143 after SIGTERM.
    """
    _open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be no text in this locale
    try:
        try:
            code = _run(list(sys.argv[1:] if argv is None else argv))
        except SystemExit as done:  # argparse has printed what --help and --version want
            code = int(done.code or 0)
        sys.stdout.flush()  # before the exit code says that all went well
    except OrlopError as err:
        _tell(err, str(err))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("orlop: interrupted\n")
        return _INTERRUPTED
    except BrokenPipeError:
        return _READER_GONE
    except Terminated:
        sys.stderr.write("orlop: terminated\n")
        return _TERMINATED
    except OSError as err:
        _tell(err, _os_error(err))
        return 1
    finally:
        _end_stdout()
    return code


def _open_streams() -> None:
    """Something for those of stdin, stdout and stderr that the caller closed.

    Else the next file that is opened, such as a database, gets the number, and what is written to stdout.
    """
    modes = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)  # to read or to write what is closed fails, as it would anyway
    for number, mode in enumerate(modes):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest number that is free: this one
    if sys.stdin is None:
        sys.stdin = _stream(0, "rb")
    if sys.stdout is None:
        sys.stdout = _stream(1, "wb")
    if sys.stderr is None:
        sys.stderr = _stream(2, "wb")


def _stream(number: int, mode: str) -> io.TextIOWrapper:
    raw = io.FileIO(number, mode, closefd=False)
    return io.TextIOWrapper(io.BufferedReader(raw) if mode == "rb" else io.BufferedWriter(raw), encoding="utf-8")


def _tell(err: Exception, text: str) -> None:
    """Each error and note is one line, whatever the names in it hold."""
    for line in (text, *getattr(err, "__notes__", ())):
        sys.stderr.write(f"orlop: {printable(line)}\n")


def _os_error(err: OSError) -> str:
    """What no layer has put into words."""
    from orlop.linux.errno_text import errno_advice, errno_name_and_text

    if not err.errno:
        return str(err)
    name, text = errno_name_and_text(err.errno)
    where = "".join(f"{place}: " for place in (err.filename, err.filename2) if place is not None)
    advice = errno_advice(err.errno, "")
    return f"{where}{name} ({text})" + (f"; {advice}" if advice else "")


def _end_stdout() -> None:
    """What can be written no more is dropped: the interpreter would try again at its end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _run(argv: list[str]) -> int:
    options = command_line.global_parser().parse_args(argv)
    words: list[str] = options.words
    if words[:1] == ["help"]:
        return _help(words[1:])
    if options.help or not words:
        (sys.stdout if options.help else sys.stderr).write(command_line.overview())
        return 0 if options.help else 1
    found = command_table.find(words)
    if found is None:
        return _group(words)
    name, rest = found
    command = command_line.load(name)
    arguments = command_line.command_parser(name).parse(rest)
    return command.run(_session(options, arguments), arguments)


def _help(words: list[str]) -> int:
    """`orlop help COMMAND`."""
    found = command_table.find(words) if words else None
    if found is None and words:
        return _group(words)
    sys.stdout.write(command_line.command_parser(found[0]).format_help() if found else command_line.overview())
    return 0


def _group(words: list[str]) -> int:
    """Help for `orlop image`, which is no command but the beginning of some.

    Raises:
        InvalidArgument: it is not even that.
    """
    members = command_table.group(words[0])
    behind = [word for word in words[1:] if word not in {"-h", "--help"}]
    if not members or behind:
        text = " ".join(words[: 2 if members else 1])
        near = command_table.nearest(words)
        hint = f"did you mean `orlop {near}`" if near else "see `orlop --help`"
        raise InvalidArgument(f'"{text}" is not a command', hint=hint)
    is_asked_for = len(words) > 1
    (sys.stdout if is_asked_for else sys.stderr).write(command_line.group_overview(words[0], members))
    return 0 if is_asked_for else 1


def _session(options: argparse.Namespace, arguments: argparse.Namespace) -> Session:
    import logging

    from . import settings
    from .session import Session

    flags = {one.key: getattr(options, one.key) for one in settings.SETTINGS if one.flag}
    chosen = settings.load(options.config, {key: value for key, value in flags.items() if value is not None})
    logging.basicConfig(level=chosen.text("log_level").upper(), format="%(levelname)s %(message)s", stream=sys.stderr)
    output = getattr(arguments, "format", None) or options.format or "table"
    return Session(chosen, is_json=output == "json")
