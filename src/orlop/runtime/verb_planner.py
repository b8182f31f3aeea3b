"""`orun planner`: stay, and answer the other verbs without the start of an interpreter each time.

The C program executes this in its own place (`resident.py`): it has no executor and no connection.
"""

from __future__ import annotations

import os
import sys

from orlop.errors import FailedPrecondition, InvalidArgument, OrlopError
from orlop.runtime.command_line import (
    GLOBAL_FLAGS,
    HELP_FLAG,
    NUMBER,
    TEXT,
    Flag,
    Verb,
    check_arguments,
    parse_flags,
    verb_help,
)
from orlop.runtime.log import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.command_line import Options

DEFAULT_SOCKET = "/run/orun/planner.sock"

VERB = Verb(
    "planner",
    "",
    "answer other orun commands faster, until SIGTERM",
    (
        Flag("socket", TEXT, f"unix socket to serve on (default: {DEFAULT_SOCKET}); not with socket activation"),
        Flag("idle-exit", NUMBER, "end after so many seconds without a request (default: 0, never)"),
    ),
    minimum=0,
    maximum=0,
)

_FIRST_PASSED_FD = 3  # sd_listen_fds(3)


def main(words: list[str]) -> int:
    """Serve until a signal or the idle time ends it; the exit code."""
    try:
        _, rest = parse_flags(GLOBAL_FLAGS, words, "")
        options, arguments = parse_flags((*VERB.flags, HELP_FLAG), rest[1:], VERB.name)
        if options.flag("help"):
            sys.stdout.write(verb_help(VERB))
            return 0
        check_arguments(VERB, arguments)
        _serve(options)
    except OrlopError as error:
        sys.stderr.write(f"orun: {one_line(str(error))}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"orun: planner: {one_line(str(error))}\n")
        return 1
    return 0


def _serve(options: Options) -> None:
    from orlop.runtime.planner_service import PlannerService, bind

    idle_exit_s = options.number("idle-exit")
    if idle_exit_s < 0:
        raise InvalidArgument(f"--idle-exit: {idle_exit_s} is negative", hint="give a number of seconds")
    path = options.text("socket")
    if _is_activated():
        if path:
            raise InvalidArgument("--socket: the socket was passed by socket activation", hint="drop the flag")
        listener, unlink = _FIRST_PASSED_FD, None
        os.set_inheritable(listener, False)  # noqa: FBT003 (takes no keyword)
    else:
        path = path or DEFAULT_SOCKET
        if not path.startswith("/"):
            raise InvalidArgument(f"--socket: {path} is not absolute", hint="write the whole path")
        listener, unlink = bind(path), path
    PlannerService(listener, idle_exit_s=idle_exit_s).run(unlink or "the socket that was passed")
    if unlink:
        os.unlink(unlink)
    os._exit(0)  # threads that still wait for somebody must not hold up the interpreter's teardown


def _is_activated() -> bool:
    """Whether a service manager passed us our socket.

    Raises:
        FailedPrecondition: it passed several.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return False
    count = os.environ.get("LISTEN_FDS", "0")
    if count not in ("0", "1"):
        raise FailedPrecondition(f"LISTEN_FDS is {count}", hint="pass one listening unix socket")
    return count == "1"
