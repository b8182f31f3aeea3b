"""Archives that commands read: from a file, or from stdin."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedReader
    from pathlib import Path


@contextmanager
def opened(path: Path | None, *, place: str) -> Iterator[Callable[[int], bytes]]:
    """A function that reads 1 to n bytes, and none at the end; without a path from stdin.

    Raises:
        InvalidArgument: the file cannot be opened, or stdin is a terminal; `place` opens the message.
    """
    if path is None or str(path) == "-":
        if sys.stdin.isatty():
            raise InvalidArgument(f"{place}: an archive is not read from a terminal", hint="name a file")
        yield cast("BufferedReader", sys.stdin.buffer).read1
        return
    try:
        file = path.open("rb", buffering=0)
    except OSError as err:
        raise InvalidArgument(f"{place}: cannot open {path}: {err.strerror}") from err
    with file:
        yield file.read
