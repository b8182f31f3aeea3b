"""The plan while it is being written: sections of steps, fd slots, and the encoder to the executor's bytes.

A step remembers the field of config.json that it came from and the advice for errnos that mislead, so that a failure at
(section, index) can be told in the user's words. Nothing here knows what a mount or a namespace is.
"""

from __future__ import annotations

from _struct import Struct, pack

from orlop.errors import InvalidArgument
from orlop.plan.operations import CODE, ENCODING, SLOT_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAGIC = 0x504C524F
VERSION = 1
FLAG_TRACE = 1
FLAG_KEEP_EXECUTOR = 2
_HEADER = Struct("<IIIIIII")
_OPERATION = Struct(ENCODING)


class Step:
    """One operation of a plan, with the field it came from. See `orlop.plan.operations` for the arguments."""

    __slots__ = ("at", "blob", "fd", "field", "flags", "hints", "n0", "n1", "operation", "s0", "s1")

    def __init__(  # noqa: PLR0917 (made in one place, a hundred times per plan)
        self,
        operation: str,
        field: str,
        hints: Mapping[int, str] | None,
        fd: int,
        at: int,
        s0: str | None,
        s1: str | None,
        blob: bytes,
        n0: int,
        n1: int,
        flags: int,
    ) -> None:
        self.operation = operation
        self.field = field
        self.hints = hints
        self.fd = fd
        self.at = at
        self.s0 = s0
        self.s1 = s1
        self.blob = blob
        self.n0 = n0
        self.n1 = n1
        self.flags = flags


class Section:
    """The steps of one section, in order. `field` and `hints` are given to every step that is added from then on."""

    __slots__ = ("field", "hints", "steps")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.field = ""
        self.hints: Mapping[int, str] | None = None

    def about(self, field: str, hints: Mapping[int, str] | None = None) -> None:
        """Say which field of config.json the steps that follow come from, and the advice for an errno."""
        self.field = field
        self.hints = hints

    def add(
        self,
        operation: str,
        *,
        fd: int = -1,
        at: int = -1,
        s0: str | None = None,
        s1: str | None = None,
        blob: bytes = b"",
        n0: int = 0,
        n1: int = 0,
        flags: int = 0,
    ) -> None:
        """Append one step; the arguments are those of the operation table."""
        self.steps.append(Step(operation, self.field, self.hints, fd, at, s0, s1, blob, n0, n1, flags))


class Plan:
    """A whole transaction: what the executor does outside, inside, and when it has to undo."""

    __slots__ = (
        "_slots",
        "after_clone",
        "cleanup",
        "inner",
        "is_traced",
        "keep_executor",
        "origins",
        "outer",
        "subject",
        "until_cgroup",
        "warnings",
    )

    def __init__(self, subject: str) -> None:
        self.subject = subject  # what a failure is told about: `cannot create container "web"`
        # Fields that are not of config.json, and the file or flag that they come from instead.
        self.origins: Mapping[str, str] = {}
        # The outer section is written in parts, since what the inner one needs is found out while it is compiled:
        # `outer` is what must be there before the clone, `until_cgroup` from the clone until the cgroup is complete,
        # `after_clone` the rest.
        self.outer = Section()
        self.until_cgroup = Section()
        self.after_clone = Section()
        self.inner = Section()
        self.cleanup = Section()
        self.keep_executor = False  # after DONE the executor waits for another PLAN, or EXIT
        self.is_traced = False  # the executor measures each operation, and tells at the end
        self.warnings: list[str] = []  # what the configuration asks for and cannot get, without which it still runs
        self._slots = 0

    def slot(self, field: str = "mounts") -> int:
        """A slot number that nothing else in this plan uses. `field` is what an error names: only mounts take many."""
        number = self._slots
        if number >= SLOT_MAX:
            raise InvalidArgument(
                f"config.json: {field}: the container needs more than {SLOT_MAX} open files to be set up",
                hint="use fewer mounts",
            )
        self._slots = number + 1
        return number

    def sections(self) -> tuple[Section, Section, Section]:
        """The sections in the order of their numbers, the two parts of the outer one joined."""
        outer = Section()
        outer.steps = self.outer.steps + self.until_cgroup.steps + self.after_clone.steps
        return outer, self.inner, self.cleanup

    def step(self, section: int, index: int) -> Step | None:
        """The step at a place that the executor reported; None if there is none there."""
        sections = self.sections()
        if section >= len(sections):
            return None
        steps = sections[section].steps
        return steps[index] if index < len(steps) else None

    def encode(self) -> bytes:
        """The plan as the executor reads it (docs/executor.md)."""
        data = bytearray(b"\0")
        offsets: dict[str, int] = {}
        packed = bytearray()
        pack_operation = _OPERATION.pack

        def place(text: str | None) -> int:
            if text is None:
                return 0
            offset = offsets.get(text)
            if offset is None:
                offset = len(data)
                offsets[text] = offset
                data.extend(text.encode("utf-8", "surrogateescape"))
                data.append(0)
            return offset

        sections = self.sections()
        for section in sections:
            for step in section.steps:
                blob_at = 0
                if step.blob:
                    blob_at = len(data)
                    data += step.blob
                packed += pack_operation(
                    CODE[step.operation],
                    step.flags,
                    step.fd,
                    step.at,
                    place(step.s0),
                    place(step.s1),
                    blob_at,
                    len(step.blob),
                    step.n0,
                    step.n1,
                )
        counts = [len(section.steps) for section in sections]
        flags = (FLAG_KEEP_EXECUTOR if self.keep_executor else 0) | (FLAG_TRACE if self.is_traced else 0)
        return _HEADER.pack(MAGIC, VERSION, flags, len(data), *counts) + bytes(packed) + bytes(data)


def strings_blob(*groups: Sequence[str]) -> bytes:
    """The NUL-terminated strings of several lists, one after another: argv and env of `execve` and `hook`."""
    texts = [text for group in groups for text in group]
    if not texts:
        return b""
    return ("\0".join(texts) + "\0").encode("utf-8", "surrogateescape")


def counts(argv: Sequence[str], env: Sequence[str]) -> int:
    """The `counts` argument of `execve` and `hook`."""
    return len(argv) | len(env) << 32


def u32_blob(*numbers: int) -> bytes:
    """Numbers as little-endian u32."""
    return pack(f"<{len(numbers)}I", *numbers)


def u64_blob(*numbers: int) -> bytes:
    """Numbers as little-endian u64."""
    return pack(f"<{len(numbers)}Q", *numbers)
