"""`orun events`: resource use at an interval, and a line for every out-of-memory kill; `--stats` prints use once."""

from __future__ import annotations

import os
import select
import time

from orlop.errors import FailedPrecondition, InvalidArgument
from orlop.oci.json_codec import encode
from orlop.runtime.call import Answer
from orlop.runtime.cgroup_stats import oom_kills, read_stats
from orlop.runtime.command_line import BOOL, TEXT, Flag, Verb
from orlop.runtime.termination import open_init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call
    from orlop.runtime.state_directory import Container

VERB = Verb(
    "events",
    "<container-id>",
    "show resource use and out-of-memory events of a container",
    (
        Flag("stats", BOOL, "print the resource use once, and end"),
        Flag("interval", TEXT, "time between two reports, such as 500ms, 5s or 1m (default: 5s)"),
    ),
    minimum=1,
    maximum=1,
)

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_OOM_POLL_S = 0.2


def run(call: Call) -> Answer:
    """Print events, one JSON object a line, until the container stops.

    Raises:
        FailedPrecondition: it does not run.
    """
    interval_s = _interval(call.options.text("interval") or "5s")
    container = call.state_root().find(call.arguments[0])
    if container.status() == "stopped":
        raise FailedPrecondition(
            f'cannot show events of container "{container.container_id}": it is stopped', hint="start it first"
        )
    if call.options.flag("stats"):
        return Answer(_stats_line(container))
    _follow(call, container, interval_s)
    return Answer()


def _follow(call: Call, container: Container, interval_s: float) -> None:
    pidfd = open_init(container)
    if pidfd is None:
        return
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    kills = oom_kills(container.cgroup_paths)
    next_report = time.monotonic() + interval_s
    has_ended = False
    while not has_ended:
        wait_s = max(0.0, min(_OOM_POLL_S, next_report - time.monotonic()))
        has_ended = bool(poll.poll(wait_s * 1000))
        seen = oom_kills(container.cgroup_paths)
        for _ in range(seen - kills):
            call.connection.write(1, encode({"type": "oom", "id": container.container_id}) + "\n")
        kills = max(kills, seen)
        if not has_ended and time.monotonic() >= next_report:
            call.connection.write(1, _stats_line(container))
            next_report += interval_s
    os.close(pidfd)


def _stats_line(container: Container) -> str:
    event = {"type": "stats", "id": container.container_id, "data": read_stats(container.cgroup_paths)}
    return encode(event) + "\n"


def _interval(text: str) -> float:
    """Seconds of a Go duration with one unit."""
    digits = text.rstrip("hms")
    unit = text[len(digits) :]
    try:
        # float() alone would take "inf", "1_0" and spaces.
        is_plain = digits.isascii() and digits.removeprefix("-").replace(".", "", 1).isdecimal()
        interval_s = float(digits if is_plain else "") * _UNITS_S[unit]
    except (ValueError, KeyError):
        raise InvalidArgument(f'--interval: "{text}" is not a duration', hint="for example 5s") from None
    if interval_s <= 0:
        raise InvalidArgument(f'--interval: "{text}" is not positive', hint="for example 5s")
    return interval_s
