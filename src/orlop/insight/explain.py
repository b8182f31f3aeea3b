"""A configuration explained by its plan: for each field the operations that it became, and what is not set.

The plan is the compiler's own. Each of its operations is told under the field that the compiler noted for it, so what
is told cannot drift from what is done; an operation whose field is not in the configuration comes from a default.
"""

from __future__ import annotations

from orlop.insight.field_role import EACH, ENTRY, GROUP, PART
from orlop.insight.field_words import FIELD_WORDS
from orlop.insight.item_words import item_words
from orlop.insight.not_set import not_set
from orlop.insight.operation_text import operation_parts, tag_text
from orlop.insight.slot_names import SlotNames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.insight.not_set import Absence
    from orlop.plan.builder import Plan, Step

SECTION_NAMES = ("outer", "inner", "cleanup")

# Steps of every plan, whatever the configuration says: `process` is the compiler's name for those around the program.
RUNTIME_WORDS = {
    "state directory": "What the runtime keeps about the container, for `orun state` and `orun delete`.",
    "process": "What every container's process gets, and the points at which the two processes wait for each other.",
}


class Operation:
    """One operation of the plan: where it stands, its name, its text (in three parts), its tag if it has one."""

    __slots__ = ("index", "name", "parts", "section", "tag")

    def __init__(self, section: str, index: int, name: str, parts: tuple[str, str, str], tag: str) -> None:
        self.section = section
        self.index = index
        self.name = name
        self.parts = parts
        self.tag = tag

    @property
    def text(self) -> str:
        """What it does, in words."""
        return "".join(self.parts)


class Entry:
    """One field, or one item of a list: its value and what it means, and the operations that it became.

    `is_set` is False for a field that is not in the configuration, whose operations come from a default.
    """

    __slots__ = ("field", "is_set", "mechanism", "notes", "operations", "parts", "value", "words")

    def __init__(
        self, field: str, *, mechanism: str = "", words: str = "", value: str = "", is_set: bool = True
    ) -> None:
        self.field = field
        self.is_set = is_set
        self.mechanism = mechanism
        self.words = words
        self.value = value
        self.notes: list[str] = []
        self.parts: list[tuple[str, str]] = []  # the properties that it has: name and words
        self.operations: list[Operation] = []


class Explanation:
    """Everything that is told about one configuration. `operations` are all, in the plan's order."""

    __slots__ = ("cgroup_mode", "entries", "not_set", "operations", "runtime", "warnings")

    def __init__(self, cgroup_mode: str) -> None:
        self.cgroup_mode = cgroup_mode
        self.entries: list[Entry] = []
        self.runtime: list[Entry] = []
        self.operations: list[tuple[Operation, Entry]] = []
        self.not_set: list[Absence] = []
        self.warnings: list[str] = []


def explain(config: dict[str, Any], plan: Plan, cgroup_mode: str) -> Explanation:
    """The explanation of a valid configuration and the plan that the compiler made of it."""
    explanation = Explanation(cgroup_mode)
    explanation.warnings = list(plan.warnings)
    explanation.not_set = not_set(config)
    entries = _entries(config)
    runtime = {name: Entry(name, words=words) for name, words in RUNTIME_WORDS.items()}
    slots = SlotNames()
    for section_name, section in zip(SECTION_NAMES, plan.sections(), strict=True):
        for index, step in enumerate(section.steps):
            operation = _operation(section_name, index, step, slots)
            slots.note(step)
            entry = runtime.get(step.field) or _owner(entries, step.field)
            entry.operations.append(operation)
            explanation.operations.append((operation, entry))
    explanation.entries = [one for one in entries.values() if one.is_set or one.operations]
    explanation.runtime = [one for one in runtime.values() if one.operations]
    return explanation


def _operation(section: str, index: int, step: Step, slots: SlotNames) -> Operation:
    tag = tag_text(step) if step.operation in ("release", "await", "signal", "wait_signal") else ""
    return Operation(section, index, step.operation, operation_parts(step, slots), tag)


def _owner(entries: dict[str, Entry], field: str) -> Entry:
    """The entry that a step is told under: the longest one whose path the step's field begins with.

    A step's field is a path, and may be followed by what helps in an error: `mounts[1] (/dev)`.
    """
    path = field
    while path:
        if path in entries:
            return entries[path]
        # Backwards over what ends a name: the note, an index, a property.
        path = path[: max(path.rfind(end) for end in (" (", "[", ".", " "))] if _has_end(path) else ""
    return entries.setdefault(field, Entry(field, is_set=False))


def _has_end(path: str) -> bool:
    return any(end in path for end in (" ", "[", "."))


def _entries(config: dict[str, Any]) -> dict[str, Entry]:
    """The entries of all fields that are set, and empty ones for those whose defaults may have become operations."""
    entries: dict[str, Entry] = {}
    for path, row in FIELD_WORDS.items():
        if row.role in (PART, GROUP):
            continue
        value = _value(config, path)
        entry = Entry(path, mechanism=row.mechanism, words=row.words, is_set=value is not None)
        entries[path] = entry
        if value is None:
            continue
        if row.role == EACH:
            entry.value = f"{len(value)} of them" if len(value) != 1 else "one"
            entry.is_set = bool(value)
            entry.parts = _parts(path, value)
            for index, item in enumerate(value):
                one = Entry(f"{path}[{index}]", mechanism=row.mechanism)
                one.value, one.notes = item_words(path, item)
                entries[one.field] = one
        else:
            entry.value, entry.notes = item_words(path, value)
            entry.parts = _parts(path, value if isinstance(value, list) else [value, *_map_values(value)])
    return entries


def _map_values(value: Any) -> list[Any]:
    """The values of a map whose keys are the user's own: linux.timeOffsets has objects by the clock's name."""
    return list(value.values()) if isinstance(value, dict) else []


def _value(config: dict[str, Any], path: str) -> Any:
    value: Any = config
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value if FIELD_WORDS[path].role in (ENTRY, EACH) and path != "hooks" else None


def _parts(path: str, items: list[Any]) -> list[tuple[str, str]]:
    """The properties that any of the items has, in words, those of their own objects after them."""
    told = []
    for name, row in FIELD_WORDS.items():
        above, _, key = name.rpartition(".")
        if row.role != PART or above != path:
            continue
        values = [item[key] for item in items if isinstance(item, dict) and key in item]
        if values:
            told.append((key, row.words))
            below = [one for value in values for one in (value if isinstance(value, list) else [value])]
            told.extend((f"{key}.{sub}", words) for sub, words in _parts(name, below))
    return told
