"""`orun list`: every container below `--root`."""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument
from orlop.oci.json_codec import encode
from orlop.runtime.call import Answer
from orlop.runtime.command_line import BOOL, TEXT, Flag, Verb
from orlop.runtime.state_directory import damaged
from orlop.runtime.verb_state import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.runtime.call import Call

VERB = Verb(
    "list",
    "",
    "list containers",
    (
        Flag("format f", TEXT, 'output as "table" (default) or "json"'),
        Flag("quiet q", BOOL, "print ids only"),
    ),
    minimum=0,
    maximum=0,
)

_COLUMNS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")
_COLUMN_MIN = 12
_PADDING = 3


def run(call: Call) -> Answer:
    """A table, JSON, or ids."""
    form = call.options.text("format") or "table"
    if form not in ("table", "json"):
        raise InvalidArgument(f'--format: "{form}" is no format of list', hint="use table or json")
    containers = []
    for container in call.state_root().containers():
        if container.is_damaged:
            call.warn(str(damaged(container.container_id)))
        else:
            containers.append(container)
    if call.options.flag("quiet"):
        return Answer("".join(f"{container.container_id}\n" for container in containers))
    states = [describe(container, _owner(container.directory)) for container in containers]
    if form == "json":
        return Answer((encode(states) if states else "null") + "\n")
    return Answer(_table(states))


def _table(states: list[dict[str, Any]]) -> str:
    rows = [
        _COLUMNS,
        *(tuple(str(state[key]) for key in ("id", "pid", "status", "bundle", "created", "owner")) for state in states),
    ]
    widths = [max(_COLUMN_MIN, *(len(row[column]) + _PADDING for row in rows)) for column in range(len(_COLUMNS) - 1)]
    return "".join(
        "".join(text.ljust(width) for text, width in zip(row, widths, strict=False)) + row[-1] + "\n" for row in rows
    )


def _owner(directory: str) -> str:
    """The name of the user who made the container; its uid as `#1000` if the host has no name for it."""
    try:
        uid = os.stat(directory).st_uid
    except FileNotFoundError:
        return ""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"
