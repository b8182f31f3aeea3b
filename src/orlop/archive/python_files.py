"""What of this machine a Python in a root of its own needs: interpreter, standard library, packages, shared libraries.

Found by looking at the interpreter that runs, which has loaded all of it: no package manager or search path is asked.
"""

from __future__ import annotations

import os
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

MODULES = "/modules"  # packages, in the root that is made
_LIBRARIES = "/libraries"
_MAPS = Path("/proc/self/maps")
_PROGRAM_HEADER_INTERPRETER = 3  # PT_INTERP
_ELF64 = b"\x7fELF\x02\x01"  # 64 bits, little endian: both architectures that Orlop runs on


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonFiles:
    """`binds` are (path on this machine, path in the root); all of them are to be read only."""

    executable: str
    binds: tuple[tuple[str, str], ...]
    environment: tuple[str, ...] = (f"LD_LIBRARY_PATH={_LIBRARIES}",)


def python_files(packages: Iterable[ModuleType]) -> PythonFiles:
    """The files of the running interpreter and of these packages. What they import must have been imported here.

    Interpreter and standard library stand at the same paths as here, so that the interpreter finds the one from the
    other; packages in `MODULES`; libraries in one directory, by the names under which they are looked up.

    Raises:
        FailedPrecondition: the interpreter cannot be told from the process, or a library was replaced meanwhile.
    """
    executable = os.path.realpath(sys.executable) if sys.executable else ""
    if not executable:
        raise FailedPrecondition("cannot confine the unpacker: this process does not know its Python interpreter")
    binds = {executable: executable}
    loader = _loader(executable)
    if loader:
        binds[loader] = os.path.realpath(loader)
    directories = sorted(_library_directories())
    binds.update((one, one) for one in directories)
    for package in packages:
        directory = _package_directory(package)
        directories.append(directory)
        binds[f"{MODULES}/{package.__name__}"] = directory
    for library in _mapped_libraries(executable):
        if library != binds.get(loader) and not library.startswith(tuple(f"{one}/" for one in directories)):
            binds.update((f"{_LIBRARIES}/{name}", library) for name in _names(Path(library)))
    return PythonFiles(executable=executable, binds=tuple((source, target) for target, source in binds.items()))


def _library_directories() -> set[str]:
    """The standard library's directories, without those inside of another. Some systems keep the C modules apart."""
    found = {str(Path(os.__file__).resolve().parent)}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and f"{os.sep}lib-dynload{os.sep}" in file:
            found.add(str(Path(file).resolve().parent))
    return {one for one in found if not any(one.startswith(f"{other}/") for other in found)}


def _package_directory(package: ModuleType) -> str:
    if package.__file__ is None:
        raise FailedPrecondition(f"cannot confine the unpacker: the package {package.__name__} has no directory")
    return str(Path(package.__file__).resolve().parent)


def _loader(executable: str) -> str:
    """The path where the kernel looks for the executable's dynamic loader (elf(5), PT_INTERP); "" of a static one."""
    with Path(executable).open("rb") as file:
        head = file.read(64)
        if not head.startswith(_ELF64):
            raise FailedPrecondition(f"cannot confine the unpacker: {executable} is no program for 64 bits")
        offset = struct.unpack_from("<Q", head, 32)[0]
        size, count = struct.unpack_from("<HH", head, 54)
        for index in range(count):
            file.seek(offset + index * size)
            header = file.read(size)
            if struct.unpack_from("<I", header)[0] == _PROGRAM_HEADER_INTERPRETER:
                begin, length = struct.unpack_from("<Q", header, 8)[0], struct.unpack_from("<Q", header, 32)[0]
                file.seek(begin)
                return file.read(length).rstrip(b"\0").decode()
    return ""


def _mapped_libraries(executable: str) -> Iterator[str]:
    """The files from which this process executes, but for the interpreter itself and for modules of Python."""
    seen = {executable, *_modules()}
    with _MAPS.open(encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.rstrip("\n").split(maxsplit=5)
            if len(fields) < 6 or "x" not in fields[1] or not fields[5].startswith("/") or fields[5] in seen:
                continue
            seen.add(fields[5])
            if fields[5].endswith(" (deleted)"):
                library = fields[5].removesuffix(" (deleted)")
                raise FailedPrecondition(
                    f"cannot confine the unpacker: {library} was replaced since this process loaded it",
                    hint="start this process again",
                )
            yield fields[5]


def _modules() -> Iterator[str]:
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".so"):
            yield os.path.realpath(file)


def _names(library: Path) -> Iterator[str]:
    """The names of a library beside it: libz.so.1.2.13 is looked up as libz.so.1; libz.so is for compilers."""
    yield library.name
    stem = library.name.partition(".so")[0] + ".so."
    for name in os.listdir(library.parent):  # noqa: PTH208 -- a thousand libraries, of which names are looked at
        path = library.parent / name
        if name.startswith(stem) and name != library.name and path.is_symlink() and path.resolve() == library:
            yield name
