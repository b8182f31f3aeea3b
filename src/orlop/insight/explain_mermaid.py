"""An explanation as a Mermaid sequence diagram: what the two processes do, and where one waits for the other.

GitHub draws it from a block of code marked `mermaid`. The order of what runs at the same time is one of those possible:
the outer process goes on only when init waits for it.
"""

from __future__ import annotations

from orlop.errors import Internal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.insight.explain import Entry, Explanation, Operation

    Told = tuple[Operation, Entry]

_VALUE_MAX = 50
# What Mermaid would take for its own syntax, as character codes of its own (a number, not HTML's entity).
_ESCAPES = {character: f"#{ord(character)};" for character in "#;<>%{}`\\"}
_WAITS = ("await", "wait_signal", "wait_exec")


def explain_mermaid(explanation: Explanation) -> str:
    """The diagram's text, without a fence."""
    lines = [
        "sequenceDiagram",
        "    participant O as outer (orun, on the host)",
        "    participant I as inner (becomes the container's init)",
    ]
    sections = {name: [one for one in explanation.operations if one[0].section == name] for name in _SECTIONS}
    lines += [f"    {line}" for line in _Schedule(sections["outer"], sections["inner"]).lines()]
    if sections["cleanup"]:
        lines.append("    opt when an operation fails, or at the end")
        lines += [f"        {line}" for line in _notes("O", sections["cleanup"])]
        lines.append("    end")
    return "\n".join(lines) + "\n"


_SECTIONS = ("outer", "inner", "cleanup")


class _Schedule:
    """Both sections in one order that the waiting allows."""

    __slots__ = ("_inner", "_outer", "_said")

    def __init__(self, outer: list[Told], inner: list[Told]) -> None:
        self._outer = outer
        self._inner = inner
        self._said: set[str] = set()  # `clone`, and the tags that were released or signalled

    def lines(self) -> Iterator[str]:
        while self._outer or self._inner:
            before = len(self._outer) + len(self._inner)
            if "clone" in self._said:
                yield from self._run("I", self._inner)
            yield from self._run("O", self._outer)
            if len(self._outer) + len(self._inner) == before:
                raise Internal("the two processes of this plan wait for each other", hint="please report it")

    def _run(self, who: str, rest: list[Told]) -> Iterator[str]:
        """What one process does until it has to wait; the outer one also stops where it has told something."""
        quiet: list[Told] = []
        while rest:
            operation = rest[0][0]
            if operation.name in _WAITS and not self._may_go_on(operation):
                break
            told = rest.pop(0)
            message = self._message(operation)
            if message:
                yield from _notes(who, quiet)
                quiet = []
                yield message
                if who == "O":
                    return
            elif operation.name not in _WAITS:
                quiet.append(told)
        yield from _notes(who, quiet)

    def _may_go_on(self, operation: Operation) -> bool:
        return ("execve" if operation.name == "wait_exec" else f"{operation.name} {operation.tag}") in self._said

    def _message(self, operation: Operation) -> str:
        if operation.name == "clone":
            self._said.add("clone")
            return f"O->>I: {_escaped(operation.text)}"
        if operation.name == "release":
            self._said.add(f"await {operation.tag}")
            return f"O->>I: {_escaped(operation.tag)}"
        if operation.name == "signal":
            self._said.add(f"wait_signal {operation.tag}")
            return f"I->>O: {_escaped(operation.tag)}"
        if operation.name == "execve":
            self._said.add("execve")
            return f"I->>O: {_escaped(operation.text)}"
        return ""


def _notes(who: str, operations: list[Told]) -> Iterator[str]:
    """One note for each row of operations of the same field."""
    position = 0
    while position < len(operations):
        entry = operations[position][1]
        end = position
        while end < len(operations) and operations[end][1] is entry:
            end += 1
        yield f"Note over {who}: {_title(entry)}<br/>{_names([one for one, _ in operations[position:end]])}"
        position = end


def _title(entry: Entry) -> str:
    value = entry.value if len(entry.value) <= _VALUE_MAX else f"{entry.value[:_VALUE_MAX]}..."
    return _escaped(f"{entry.field}: {value}" if value else entry.field)


def _names(operations: list[Operation]) -> str:
    """`open, verify_device, mask x10`."""
    names: list[tuple[str, int]] = []
    for operation in operations:
        if names and names[-1][0] == operation.name:
            names[-1] = (operation.name, names[-1][1] + 1)
        else:
            names.append((operation.name, 1))
    return ", ".join(name if count == 1 else f"{name} x{count}" for name, count in names)


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)
