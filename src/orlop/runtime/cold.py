"""The planner as a child of one executor: `python3 -I -S -B cold.py FD`. Serves one request on the socket FD, and ends.

Run as a script without `site`, so it finds its own package first. Its imports are a budget: see docs/performance.md.
"""

import gc
import posix
import sys

gc.disable()  # the process lives for milliseconds
sys.path.insert(0, __file__.rsplit("/", 3)[0])


class _Future:
    """Stands for the module `__future__`, of which our modules only ask this name, for nothing at run time."""

    annotations = None


sys.modules.setdefault("__future__", _Future)  # type: ignore[arg-type]

import orlop.runtime.quick_import  # noqa: E402 (the path must be there first)

sys.meta_path.insert(0, orlop.runtime.quick_import.QuickFinder("orlop.", sys.path[0]))

from orlop.runtime.planner import serve  # noqa: E402 (by the finder above)
from orlop.runtime.protocol import Connection  # noqa: E402 (likewise)


def main() -> None:
    """Serve one request; an error that nobody foresaw is told with its traceback on stderr."""
    connection = Connection(int(sys.argv[1]))
    try:
        serve(connection)
    except BaseException as error:  # noqa: BLE001 (the edge of the process)
        import traceback

        traceback.print_exc()
        try:
            connection.exit(1, stderr=f"orun: internal error: {type(error).__name__}: {error}; please report it\n")
        except Exception:  # noqa: BLE001 (the executor is gone: nobody is left to be told)
            posix._exit(1)
    posix._exit(0)  # without the interpreter's own teardown, for which the caller would wait


main()
