"""An explanation as text for a terminal."""

from __future__ import annotations

from orlop.insight.not_set import DEFAULT, HOST, OPEN
from orlop.insight.operation_words import OPERATION_WORDS
from orlop.insight.text_layout import heading, wrapped
from orlop.plan.operation_table import BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.insight.explain import Entry, Explanation, Operation

_EFFECTS = {
    HOST: "The host's or the caller's, and so shared with it:",
    OPEN: "Not restricted:",
    DEFAULT: "A default of the runtime:",
}
_INTRODUCTION = (
    ("outer", "run by the process that the caller started, in the host's namespaces"),
    ("inner", "run by its child at the same time: it becomes the container's init, and at last the program"),
    ("cleanup", "run when an operation fails, or when the container has ended"),
)


def explain_table(explanation: Explanation) -> str:
    """The whole explanation: fields, the runtime's own steps, what is not set, and what the operations are for."""
    lines = _introduction(explanation)
    lines += heading("The fields of config.json, and what each becomes")
    for entry in explanation.entries:
        lines += _entry(entry)
    lines += heading("What every container gets")
    for entry in explanation.runtime:
        lines += _entry(entry)
    lines += heading("What is not set, and what holds then")
    lines += _not_set(explanation)
    if explanation.warnings:
        lines += heading("Warnings")
        for warning in explanation.warnings:
            lines += wrapped(warning, first="  ", rest="    ")
    lines += heading("What the operations are for")
    lines += _operations(explanation)
    return "\n".join(lines) + "\n"


def _introduction(explanation: Explanation) -> list[str]:
    lines = wrapped(
        f"What this configuration becomes on this host (cgroup {explanation.cgroup_mode}): a plan of operations, each"
        " close to one system call, in three sections. Each operation is told under the field that it comes from, with"
        " its section and its number in it: within a section they run in the order of their numbers."
    )
    lines.append("")
    for name, words in _INTRODUCTION:
        count = sum(operation.section == name for operation, _ in explanation.operations)
        lines += wrapped(f"{count} operations, {words}", first=f"  {name:<8}", rest=" " * 10)
    return lines


def _entry(entry: Entry) -> list[str]:
    value = entry.value if entry.is_set else "not set"
    title = f"{entry.field}: {value}" if entry.value or not entry.is_set else entry.field
    lines = ["", *wrapped(title, rest="    ")]
    if entry.words:
        becomes = f"[{entry.mechanism}] " if entry.mechanism else ""
        lines += wrapped(becomes + entry.words, first="  ")
    for name, words in entry.parts:
        lines += wrapped(f"{name}: {words}", first="  - ", rest="    ")
    for note in entry.notes:
        lines += wrapped(note, first="  * ", rest="    ")
    for place, name, text in _merged(entry.operations):
        lines += wrapped(text, first=f"    {place:<14} {name:<17} ", rest=" " * 37)
    return lines


def _merged(operations: list[Operation]) -> Iterator[tuple[str, str, str]]:
    """Place, name and text of each operation; a row of them that differ in their subject only is told as one."""
    position = 0
    while position < len(operations):
        first = operations[position]
        run = [first]
        for one in operations[position + 1 :]:
            is_next = (one.section, one.name, one.index) == (first.section, first.name, first.index + len(run))
            if not is_next or (one.parts[0], one.parts[2]) != (first.parts[0], first.parts[2]) or not one.parts[1]:
                break
            run.append(one)
        position += len(run)
        place = f"{first.section} {first.index}" + (f"-{run[-1].index}" if len(run) > 1 else "")
        subjects = ", ".join(one.parts[1] for one in run)
        yield place, first.name, f"{first.parts[0]}{subjects}{first.parts[2]}"


def _not_set(explanation: Explanation) -> list[str]:
    lines = []
    for effect, title in _EFFECTS.items():
        absences = [one for one in explanation.not_set if one.effect == effect]
        if absences:
            lines += ["", title]
        for one in absences:
            lines += wrapped(one.words, first=f"  {one.field:<32} ", rest=" " * 35)
    return lines


def _operations(explanation: Explanation) -> list[str]:
    used = {operation.name for operation, _ in explanation.operations}
    lines = []
    for name, row in BY_NAME.items():
        if name in used:
            call = "" if row.call == name else f"({row.call}) "
            lines += wrapped(call + OPERATION_WORDS[name], first=f"  {name:<18} ", rest=" " * 21)
    return lines
