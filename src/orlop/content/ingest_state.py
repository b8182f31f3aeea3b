"""What is written down of an ingest, so that another process, or the same after a crash, can go on with it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest

_MAX_REF = 512
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestState:
    """The record of one ingest.

    `durable` are the bytes known to be on the disk, whatever happens to the machine. While `boot_id` is that of the
    running kernel, the file holds all that was written, durable or not: only the process had died.
    """

    ref: str
    total: int
    expected: Digest | None
    started_at: float
    durable: int
    boot_id: str

    def encode(self) -> bytes:
        """The record as it stands in the file."""
        value = asdict(self) | {"expected": str(self.expected) if self.expected else None}
        return json.dumps(value).encode() + b"\n"

    @classmethod
    def decode(cls, content: bytes) -> IngestState | None:
        """The record in a file, or None where it is torn or none: its ingest cannot be resumed."""
        try:
            value: Any = json.loads(content)
            expected = value["expected"]
            state = cls(
                ref=_typed(value["ref"], str),
                total=_typed(value["total"], int),
                expected=None if expected is None else Digest.parse(_typed(expected, str)),
                started_at=_typed(value["started_at"], float),
                durable=_typed(value["durable"], int),
                boot_id=_typed(value["boot_id"], str),
            )
        except (ValueError, TypeError, KeyError, InvalidArgument):
            return None
        return state if state.total >= 0 and state.durable >= 0 else None

    def resumed(self, *, total: int, expected: Digest | None) -> IngestState:
        """This, with what its next writer says of it: what was not said before may be added.

        Raises:
            InvalidArgument: the writer says something else than what it was begun with.
        """
        if total and self.total and total != self.total:
            raise InvalidArgument(
                f'ingest "{self.ref}": total: was begun with {self.total}, not {total}; abort it first'
            )
        if expected and self.expected and expected != self.expected:
            raise InvalidArgument(
                f'ingest "{self.ref}": expected: was begun with {self.expected}, not {expected}; abort it first'
            )
        return replace(self, total=self.total or total, expected=self.expected or expected)

    def trusted(self, file_size: int) -> int:
        """How many bytes of the data file can be gone on from: all, or, after a reboot, those that were durable."""
        if self.boot_id and self.boot_id == boot_id():
            return file_size
        return min(file_size, self.durable)


def _typed(value: Any, kind: type[_T]) -> _T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError
    return value


def directory_name(ref: str) -> str:
    """The name of an ingest's directory: refs may hold any character, file names may not.

    Raises:
        InvalidArgument: the ref is empty or longer than 512 bytes.
    """
    encoded = ref.encode("utf-8", "surrogateescape")
    if not 0 < len(encoded) <= _MAX_REF:
        raise InvalidArgument(f'ref: "{ref[:64]}" has {len(encoded)} bytes; use 1 to {_MAX_REF}')
    return hashlib.sha256(encoded).hexdigest()


def boot_id() -> str:
    """The kernel's id of this boot, or "" where it does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
