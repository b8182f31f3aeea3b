"""What a program of the suite says: the Test Anything Protocol, version 13, as far as the suite speaks it.

The suite's programs do not always speak it well. Some end with `1..0` and a YAML block that holds an `error`, and no
test point at all: a reader that only counts points takes that for a pass. So blocks before the first point are kept.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_POINT = re.compile(r"^(not )?ok\b(?: (\d+))?(?: -)? ?(.*)$")
_PLAN = re.compile(r"^1\.\.(\d+)")
_DIRECTIVE = re.compile(r"#\s*(SKIP|TODO)\b\s*", re.IGNORECASE)


@dataclass
class Check:
    """One test point."""

    description: str
    is_ok: bool
    is_skipped: bool = False
    error: str = ""  # of its YAML block


@dataclass
class Output:
    """All that a program said."""

    checks: list[Check] = field(default_factory=list)
    planned: int | None = None
    errors: list[str] = field(default_factory=list)  # told in front of the first test point, or without any


def parse(text: str) -> Output:
    """Take a program's output apart. Lines that are not of the protocol are left out, as it demands."""
    output = Output()
    block: list[str] | None = None
    for line in text.splitlines():
        if block is not None:
            if line.strip() == "...":
                _add_block(output, "\n".join(block))
                block = None
            else:
                block.append(line)
        elif line.strip() == "---":
            block = []
        elif point := _POINT.match(line):
            output.checks.append(_check(point))
        elif plan := _PLAN.match(line):
            output.planned = int(plan[1])
    return output


def _check(point: re.Match[str]) -> Check:
    description, is_ok = point[3].strip(), point[1] is None
    directive = _DIRECTIVE.search(description)
    if directive is None:
        return Check(description, is_ok)
    # Neither directive is a failure, whatever stands before it.
    before, after = description[: directive.start()].strip(), description[directive.end() :].strip()
    return Check(before or after, is_ok=True, is_skipped=True)


def _add_block(output: Output, text: str) -> None:
    """The `error` of a YAML block, which the suite writes as JSON."""
    try:
        values = json.loads(text)
    except ValueError:
        return
    error = values.get("error") if isinstance(values, dict) else None
    if not error:
        return
    if output.checks:
        output.checks[-1].error = str(error)
    else:
        output.errors.append(str(error))
