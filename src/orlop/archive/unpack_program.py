"""The unpacker's process: `python3 -I -S -B unpack_program.py JOB`, started by `unpack_process` and confined by `orun`.

The layer's stream is its stdin; its stdout takes the result, or an error as fields. All that it imports is imported
before the first byte of the stream is read, and nothing after that: no module, codec or library can come out of an
archive (THREATS.md N). It ends when nobody can read its result any more.
"""

from __future__ import annotations

import os
import resource
import select
import sys
import threading

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120

from dataclasses import replace

from orlop.archive.unpack_form import unpack
from orlop.archive.unpack_wire import decode_job, encode_error, encode_result
from orlop.errors import Internal, InvalidArgument, KernelError, OrlopError
from orlop.linux.errno_text import errno_advice, errno_name_and_text

_STREAM_FD, _RESULT_FD = 0, 1
_STACK_BYTES = 256 << 10
_SWITCH_INTERVAL_S = (
    0.001  # the stream's thread holds the interpreter's lock for microseconds, a thousand times a second
)


def main(arguments: list[str]) -> int:
    """Unpack the layer of the job that is the only argument; the exit status. Never raises."""
    sys.path.clear()
    sys.meta_path.clear()  # from here on an import is an error
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    threading.stack_size(_STACK_BYTES)
    threading.Thread(target=_end_with_the_reader, args=(_RESULT_FD,), name="watch", daemon=True).start()
    try:
        answer = encode_result(
            replace(unpack(decode_job(arguments[0]), _STREAM_FD), peak_memory_bytes=_peak_memory_bytes())
        )
        status = 0
    except Exception as error:  # noqa: BLE001 (the process's edge: all of them are reported, as fields)
        answer, status = encode_error(_as_ours(error)), 1
    os.write(_RESULT_FD, answer)
    return status


def _end_with_the_reader(fd: int) -> None:
    """End this process when the pipe has no reader any more: poll(2) says POLLERR then, whatever was asked for."""
    poll = select.poll()
    poll.register(fd, 0)
    poll.poll()
    os._exit(1)


def _peak_memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _as_ours(error: Exception) -> OrlopError:
    """An error as one of ours, which names what went wrong."""
    if isinstance(error, OrlopError):
        return error
    if isinstance(error, MemoryError):
        return InvalidArgument(
            "layer: unpacking it takes more memory than the unpacker may have (limit memory_bytes)",
            hint="raise unpack.memory_mib in orlop's configuration, if the layer is to be trusted",
        )
    if isinstance(error, OSError):
        place = f": {os.fsdecode(error.filename)!a}" if error.filename else ""
        number = error.errno or 0
        name, text = errno_name_and_text(number)
        return KernelError(
            f"cannot unpack the layer{place}: {name} ({text})", hint=errno_advice(number, ""), errno=number
        )
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else "?"
    return Internal(f"cannot unpack the layer: {type(error).__name__}: {error} ({place})")


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # threads that wait are not waited for
