"""Which libraries a program of this host loads, found as its dynamic loader would find them (ld.so(8)).

LD_LIBRARY_PATH is left out: the container will not have it. Libraries that a program opens by itself while it runs
(dlopen: name services, plugins) are named nowhere, and have to be given beside it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import NotFound

from .elf import Elf, read_elf
from .ld_cache import read_ld_cache

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where glibc looks last (64-bit and 32-bit builds differ; a library of the wrong machine is passed over), and musl.
_DEFAULT_DIRECTORIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib32", "/usr/lib32", "/libx32", "/usr/lib/musl")
_MUSL_DIRECTORIES = ("/lib", "/usr/local/lib", "/usr/lib")
_MUSL_LOADER = re.compile(r"ld-musl-([a-z0-9_]+)\.so\.1")
_LD_CACHE = Path("/etc/ld.so.cache")
_CONFIGURATION = Path("/etc")
_TOKEN = re.compile(r"\$(?:(ORIGIN|LIB|PLATFORM)\b|\{(ORIGIN|LIB|PLATFORM)\})")


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An object in the loader's view: who loaded it decides where its RPATH leads."""

    path: str
    elf: Elf
    loader: _Loaded | None


class LibraryFinder:
    """Finds what programs load. One finder for several programs looks at each library once."""

    def __init__(self, *, ld_cache: Path = _LD_CACHE, configuration: Path = _CONFIGURATION) -> None:
        self._cache = read_ld_cache(ld_cache)
        self._configuration = configuration
        self._elves: dict[str, Elf | None] = {}

    def needed_by(self, path: str) -> list[str]:
        """The loader and all libraries of a program or library, by paths of the host; empty if it is no ELF file.

        Raises:
            NotFound: a library or the loader is not on this host; the error says who wants it.
        """
        elf = self._elf(path)
        if elf is None:
            return []
        found: dict[str, None] = {}
        if elf.interpreter:
            if not Path(elf.interpreter).exists():
                raise NotFound(f"{path}: its loader {elf.interpreter} is not on this host", hint="install it")
            found[elf.interpreter] = None
        musl = _MUSL_LOADER.fullmatch(Path(elf.interpreter).name)
        defaults = self._musl_directories(musl[1]) if musl else _DEFAULT_DIRECTORIES
        is_glibc = musl is None
        program = _Loaded(path, elf, None)
        pending = [program]
        loaded = {name: None for name in [Path(elf.interpreter).name] if name}  # by name, as the loader knows them
        for one in pending:
            for name in one.elf.needed:
                if name in loaded or (musl and name == f"libc.musl-{musl[1]}.so.1"):  # which the loader is itself
                    continue
                loaded[name] = None
                library = self._find(name, one, defaults, with_cache=is_glibc)
                found[library.path] = None
                pending.append(library)
        return list(found)

    def _find(self, name: str, wanted_by: _Loaded, defaults: tuple[str, ...], *, with_cache: bool) -> _Loaded:
        for path in self._candidates(name, wanted_by, defaults, with_cache=with_cache):
            elf = self._elf(path)
            if elf is not None and elf.abi == wanted_by.elf.abi:
                return _Loaded(path, elf, wanted_by)
        raise NotFound(f"{wanted_by.path}: needs {name}, which is not on this host", hint="install it")

    def _candidates(
        self, name: str, wanted_by: _Loaded, defaults: tuple[str, ...], *, with_cache: bool
    ) -> Iterator[str]:
        """Where the library can be, in the order of ld.so(8), "DESCRIPTION"."""
        if "/" in name:
            yield from _expanded(name, wanted_by.path)
            return
        if not wanted_by.elf.runpath:  # with DT_RUNPATH, no DT_RPATH counts
            one: _Loaded | None = wanted_by
            while one is not None:
                yield from _in(one.elf.rpath if not one.elf.runpath else (), one.path, name)
                one = one.loader
        yield from _in(wanted_by.elf.runpath, wanted_by.path, name)
        if with_cache:
            yield from self._cache.get(name, [])
        yield from _in(defaults, wanted_by.path, name)

    def _musl_directories(self, architecture: str) -> tuple[str, ...]:
        try:
            text = (self._configuration / f"ld-musl-{architecture}.path").read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return _MUSL_DIRECTORIES
        return tuple(part for part in re.split("[:\n]", text) if part)

    def _elf(self, path: str) -> Elf | None:
        if path not in self._elves:
            self._elves[path] = elf_of(path)
        return self._elves[path]


def elf_of(path: str) -> Elf | None:
    """What the file at a path of the host says, or None: it is no ELF file, or cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return read_elf(descriptor)
    finally:
        os.close(descriptor)


def _in(directories: tuple[str, ...], origin: str, name: str) -> Iterator[str]:
    for directory in directories:
        for expanded in _expanded(directory, origin):
            yield f"{expanded}/{name}"


def _expanded(text: str, origin: str) -> Iterator[str]:
    """The text with its tokens replaced; $LIB can be one of several, $PLATFORM is this machine's name."""
    libraries = ("lib64", f"lib/{os.uname().machine}-linux-gnu", "lib") if "LIB" in text else ("lib",)
    for library in libraries:
        values = {"ORIGIN": str(Path(origin).resolve().parent), "LIB": library, "PLATFORM": os.uname().machine}
        yield _replaced(text, values)


def _replaced(text: str, values: dict[str, str]) -> str:
    return _TOKEN.sub(lambda match: values[match[1] or match[2]], text)
