"""A small plan, and what the executor could tell of it: what the tests of the trace share."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from orlop.plan.builder import Plan
from orlop.plan.operations import BEST_EFFORT, IGNORE_EEXIST
from orlop.plan.tags import TAG_STATE
from orlop.runtime.trace_spans import PLANNER_TRACK, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_RUN, BEGUN, SUCCEEDED, FAILED = range(4)

# begin, end, state, errno, in microseconds: easier to read than nanoseconds.
Record = tuple[int, int, int, int]

# Of `small_plan`, run to its end: init waits from 130 to 180 until its state is on disk.
RECORDS: tuple[Record, ...] = (
    (100, 110, FAILED, 17),  # mkdir: EEXIST
    (110, 125, SUCCEEDED, 0),  # clone
    (125, 175, SUCCEEDED, 0),  # hook
    (175, 178, SUCCEEDED, 0),  # release
    (178, 200, SUCCEEDED, 0),  # wait_exec
    (200, 1200, SUCCEEDED, 0),  # supervise
    (1200, 1230, SUCCEEDED, 0),  # cleanup
    (120, 130, SUCCEEDED, 0),  # unshare
    (130, 180, SUCCEEDED, 0),  # await
    (180, 999999, BEGUN, 0),  # execve
    (1201, 1229, FAILED, 13),  # rmdir: EACCES
)


def small_plan() -> Plan:
    """A foreground run with one hook."""
    plan = Plan('cannot run container "web"')
    outer, inner, cleanup = plan.outer, plan.inner, plan.cleanup
    outer.about("linux.cgroupsPath")
    outer.add("mkdir", s0="/sys/fs/cgroup/web", flags=IGNORE_EEXIST)
    outer.about("linux.namespaces")
    outer.add("clone")
    outer.about("hooks.prestart[0]")
    outer.add("hook", s0="/bin/hook")
    outer.about("state directory")
    outer.add("release", n0=TAG_STATE)
    outer.about("process")
    for operation in ("wait_exec", "supervise", "cleanup"):
        outer.add(operation)
    inner.about("linux.namespaces")
    inner.add("unshare")
    inner.about("process")
    inner.add("await", n0=TAG_STATE)
    inner.about('process.args[0] ("sh")')
    inner.add("execve")
    cleanup.about("linux.cgroupsPath")
    cleanup.add("rmdir", s0="/sys/fs/cgroup/web", flags=BEST_EFFORT)
    return plan


def trace_payload(
    records: Sequence[Record] = RECORDS, *, counts: tuple[int, int, int] = (7, 3, 1), now: int = 1300
) -> bytes:
    """The payload of TRACE."""
    packed = [struct.pack("<QQIi", begin * 1000, end * 1000, state, number) for begin, end, state, number in records]
    return struct.pack("<4IQ", *counts, 0, now * 1000) + b"".join(packed)


def phases() -> list[Span]:
    """Of the planner, which sent the plan 95 microseconds after the beginning."""
    times = {"hello": (0, 5), "compile": (5, 80), "encode": (80, 95)}
    return [Span(PLANNER_TRACK, name, begin * 1000, end * 1000) for name, (begin, end) in times.items()]
