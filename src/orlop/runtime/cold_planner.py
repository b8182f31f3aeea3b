"""What a cold planner does around its one request: imports by bundle, the request, the end without a teardown."""

import gc
import posix
import sys

from orlop.runtime import module_bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# Verbs that are started often enough for a bundle of their own.
_BUNDLED = ("create", "delete", "exec", "kill", "list", "run", "start", "state")


class _Future:
    """Stands for the module `__future__`, which our modules ask only for this name, and for nothing at run time."""

    annotations = None


def main(fd: int, verb: str, root: str) -> "NoReturn":
    """Serve one request and end; an error that nobody foresaw is told with its traceback on stderr."""
    gc.disable()  # the process lives for milliseconds
    posix.umask(0)  # modes are exact; the caller's umask comes with HELLO
    sys.modules.setdefault("__future__", _Future)  # type: ignore[arg-type]
    is_bundled = verb in _BUNDLED and module_bundle.load(verb, root)
    from orlop.runtime.planner import serve
    from orlop.runtime.protocol import Connection, ExecutorGone

    connection = Connection(fd)
    try:
        is_answered = serve(connection, connection.receive_hello())
        is_usual = is_answered and connection.trace is None  # otherwise more is loaded than the next one needs
        if is_usual and verb in _BUNDLED and not is_bundled and posix.geteuid() == 0:
            module_bundle.store(verb, root)
    except ExecutorGone:
        posix._exit(1)
    except BaseException as error:  # noqa: BLE001 (the edge of the process)
        _tell(connection, error)
    posix._exit(0)  # without the interpreter's own teardown, for which the caller would wait


def _tell(connection: object, error: BaseException) -> None:
    import traceback

    traceback.print_exc()
    try:
        connection.exit(  # type: ignore[attr-defined]  # a Connection, whose module is imported by `main`
            connection.failure_code,  # type: ignore[attr-defined]
            stderr=f"orun: internal error: {type(error).__name__}: {error}; please report it\n",
        )
    except Exception:  # noqa: BLE001 (the executor is gone)
        posix._exit(1)
