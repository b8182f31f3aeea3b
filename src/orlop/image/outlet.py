"""Where saved images go: a tar stream, or a directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from orlop.archive.contract import Entry, EntryType
from orlop.archive.tar_writer import TarWriter
from orlop.errors import AlreadyExists
from orlop.linux.errno_text import kernel_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


class Outlet(Protocol):
    """Takes files one after another."""

    def add(self, path: str, size: int, content: Iterable[bytes | memoryview]) -> None:
        """Write a file of this size; its directories are made."""

    def close(self) -> None:
        """All files are there."""


class TarOutlet:
    """A tar stream, which `sink` gets. Without times and owners: the same images give the same archive."""

    def __init__(self, sink: Callable[[bytes | memoryview], object]) -> None:
        self._tar = TarWriter(sink)
        self._directories: set[str] = set()

    def add(self, path: str, size: int, content: Iterable[bytes | memoryview]) -> None:
        """Write a file of this size; its directories are made."""
        parts = path.split("/")
        for count in range(1, len(parts)):
            directory = "/".join(parts[:count])
            if directory not in self._directories:
                self._directories.add(directory)
                self._tar.add(Entry(path=directory.encode(), type=EntryType.DIRECTORY, mode=0o755, uid=0, gid=0))
        entry = Entry(path=path.encode(), type=EntryType.FILE, mode=0o644, uid=0, gid=0, size=size)
        self._tar.add(entry, content)

    def close(self) -> None:
        """Write the archive's end."""
        self._tar.close()


class DirectoryOutlet:
    """A new directory, or an empty one.

    Raises:
        AlreadyExists: there is something in it.
        KernelError: it cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
            is_empty = not any(root.iterdir())
        except OSError as err:
            raise kernel_error("mkdir", str(root), err.errno or 0, where="cannot save") from err
        if not is_empty:
            raise AlreadyExists(f"cannot save to {root}: it is not empty; name another directory")

    def add(self, path: str, _size: int, content: Iterable[bytes | memoryview]) -> None:
        """Write a file; its directories are made.

        Raises:
            KernelError: it cannot be written.
        """
        place = self._root / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "ab") as file:
                for part in content:
                    file.write(part)
        except OSError as err:
            raise kernel_error("write", str(place), err.errno or 0, where="cannot save") from err

    def close(self) -> None:
        """Nothing more is to be done."""
