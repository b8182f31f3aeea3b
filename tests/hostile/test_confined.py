"""Both tables through the unpacker as it is in use: confined, without imports, in each form.

What is refused has a reason and not a stack, and all that it takes stays below the memory that a helper may have.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from orlop.archive.contract import Limits, UnpackJob, UnpackResult
from orlop.archive.unpack_process import Unpacker
from orlop.archive.unpack_wire import decode_result, encode_job
from orlop.errors import InvalidArgument, OrlopError, PermissionDenied

from .archives import HOSTILE, LIMITS
from .neutralised import NEUTRALISED

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Arena

pytestmark = pytest.mark.needs_root

_MEMORY_BYTES = 64 << 20
_ASKED_OF_THE_EXTRACTOR = "allow_devices"  # no job says it
# The index makes no directories; what it may hold of them is bounded by its memory.
_TAKEN = {"tar-index": {"too_many_directories_without_entry"}}
# The unpacker's own main for one archive behind the other: a helper for each would be half a minute of starts. What it
# needs for one does not get less by those before.
_PROGRAM = """
import json, os, resource, sys, threading
sys.path.insert(0, "/modules")
from orlop.archive import unpack_program
unpack_program._end_with_the_reader = lambda fd: None  # a thread a call, and there may be 8
answer_fd = os.dup(1)
for name in sorted(os.listdir("/layer/jobs")):
    with open(f"/layer/jobs/{name}") as file:
        job = file.read()
    for place, fd, flags in (("blobs", 0, os.O_RDONLY), ("answers", 1, os.O_WRONLY | os.O_CREAT | os.O_EXCL)):
        opened = os.open(f"/layer/{place}/{name}", flags)
        os.dup2(opened, fd)
        os.close(opened)
    unpack_program.main([job])
    for thread in threading.enumerate()[1:]:
        thread.join()  # one that reads on, of an archive that was refused
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
answer = {"diff_id": "sha256:" + 64 * "0", "raw_bytes": 0, "entries": 0, "peak_memory_bytes": peak}
os.write(answer_fd, json.dumps(answer).encode())
os._exit(0)
"""


@dataclass
class _Session:
    """How each archive ended, and the most memory that the helper had."""

    ends: dict[str, UnpackResult | OrlopError]
    peak_memory_bytes: int


def _session(directory: Path, form: str, outside: bytes) -> _Session:
    for part in ("layer", "layer/blobs", "layer/jobs", "layer/answers", "layer/roots"):
        (directory / part).mkdir()
    layer = directory / "layer"
    archives: list[tuple[str, bytes, dict[str, Any]]] = [(one.name, one.build(outside), {}) for one in NEUTRALISED]
    archives += [
        (one.name, one.build(outside), one.options) for one in HOSTILE if _ASKED_OF_THE_EXTRACTOR not in one.options
    ]
    for name, archive, options in archives:
        (layer / "roots" / name).mkdir()
        (layer / "blobs" / name).write_bytes(archive)
        job = UnpackJob(form=form, directory=layer, compression="none", limits=Limits(**LIMITS), **options)
        (layer / "jobs" / name).write_text(encode_job(job, f"/layer/roots/{name}"), encoding="utf-8")
    program = directory / "program.py"
    program.write_text(_PROGRAM, encoding="utf-8")
    job = UnpackJob(form=form, directory=layer, compression="none")
    unpacker = Unpacker(directory / "state", program=program)
    result = asyncio.run(unpacker.unpack(job, os.open("/dev/null", os.O_RDONLY)))
    ends = {name: _end((layer / "answers" / name).read_bytes()) for name, _, _ in archives}
    return _Session(ends, result.peak_memory_bytes)


def _end(answer: bytes) -> UnpackResult | OrlopError:
    try:
        return decode_result(answer)
    except OrlopError as error:
        return error


@pytest.mark.parametrize("form", ["overlay", "applied", "tar-index"])
def test_threat_i_each_archive_ends_with_its_reason_in_bounded_memory(form: str, arena: Arena) -> None:
    done = _session(arena.root, form, os.fsencode(arena.outside))
    for name, end in done.ends.items():
        if isinstance(end, OrlopError):
            assert isinstance(end, InvalidArgument | PermissionDenied), (name, end)
            assert end.message.startswith("layer: "), (name, end)
            assert str(end).isprintable(), name
    taken = {name for name, end in done.ends.items() if isinstance(end, UnpackResult)}
    assert taken - _TAKEN.get(form, set()) <= {one.name for one in NEUTRALISED}
    assert {one.name for one in NEUTRALISED if form in one.forms} <= taken
    for one in HOSTILE:
        if form in one.forms and one.name in done.ends:
            assert re.search(one.reason, str(done.ends[one.name])), one.name
    assert 0 < done.peak_memory_bytes < _MEMORY_BYTES
