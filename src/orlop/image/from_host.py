"""An image of programs of this host, with the libraries and interpreters that they need: `orlop image from-host`.

For a machine without a registry, and for tests: a root file system that runs what runs here.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.archive.contract import Entry, EntryType
from orlop.archive.tar_writer import TarWriter
from orlop.errors import InvalidArgument, NotFound

from .host_tree import HostTree, files_below
from .libraries import LibraryFinder
from .new_image import NewConfig, Origin, without_level, write_image, write_layer
from .script import CONTAINER_PATH, interpreters_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.platform import Platform

    from .new_image import Write

# What programs expect of a root file system; a file of the host that was asked for takes its place.
_DIRECTORIES = {
    b"dev": 0o755,
    b"etc": 0o755,
    b"proc": 0o555,
    b"root": 0o700,
    b"run": 0o755,
    b"sys": 0o555,
    b"tmp": 0o1777,
    b"var": 0o755,
    b"var/tmp": 0o1777,
}
_MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")  # links into /usr on most hosts
_KERNELS_OWN = (("proc",), ("sys",), ("dev",))  # such as /etc/mtab -> ../proc/self/mounts
_FILES = {
    b"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    b"etc/group": b"root:x:0:\nnogroup:x:65534:\n",
    b"etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files dns\n",
}


def image_from_host(
    content: ContentStore, files: Sequence[str], platform: Platform, *, config: NewConfig | None = None
) -> Descriptor:
    """An image of one layer that holds the files, everything in those that are directories, and what they need.

    A name without slash is looked up as a shell does. Without a `config` a container runs the first file. The image
    depends on nothing but the files. Returns its manifest's descriptor; the caller holds a lease.

    Raises:
        NotFound: a file, a library or an interpreter is not on this host; the error says who wants it.
        InvalidArgument: no file was named, or one is a device.
        KernelError: a file cannot be read, or the store cannot take it.
    """
    if not files:
        raise InvalidArgument("image from-host: no file is named", hint="name at least one program")
    paths = [_located(name) for name in files]
    tree = gathered(paths)

    def fill(write: Write) -> None:
        tar = TarWriter(write)
        tree.write(tar)
        tar.close()

    layer = write_layer(content, fill)
    settings = config or NewConfig(env=[f"PATH={CONTAINER_PATH}"], cmd=[paths[0]])
    origin = Origin(platform=without_level(platform), created_by=" ".join(["orlop image from-host", *files]))
    return write_image(content, [layer], settings, origin)


def gathered(paths: Sequence[str], finder: LibraryFinder | None = None) -> HostTree:
    """The root file system: the files at these absolute paths, what they need, and what every program expects.

    Raises:
        NotFound, InvalidArgument, KernelError: as `image_from_host`.
    """
    tree = HostTree()
    gathering = _Gathering(tree, finder or LibraryFinder())
    for path in paths:
        gathering.take(path)
    for link in _MERGED:  # /bin/sh shall be there, however it was found
        if Path(link).is_symlink() and os.fsencode(Path(link).resolve())[1:] in tree:
            tree.add(link, follow_last=False)
    for path_bytes, mode in _DIRECTORIES.items():
        tree.add_content(Entry(path=path_bytes, type=EntryType.DIRECTORY, mode=mode, uid=0, gid=0))
    for path_bytes, text in _FILES.items():
        entry = Entry(path=path_bytes, type=EntryType.FILE, mode=0o644, uid=0, gid=0, size=len(text))
        tree.add_content(entry, text)
    return tree


class _Gathering:
    def __init__(self, tree: HostTree, finder: LibraryFinder) -> None:
        self._tree = tree
        self._finder = finder
        self._seen: set[str] = set()

    def take(self, path: str) -> None:
        """Take what was named, and what it needs."""
        real = self._program(path)
        if stat.S_ISDIR(Path(real).stat().st_mode):
            for inner in files_below(real):
                self._inside(inner)

    def _inside(self, path: str) -> None:
        """Something in a directory that was named: links may point anywhere, and devices are left out."""
        if Path(path).is_symlink():
            self._tree.add(path, follow_last=False)
        target = Path(path).resolve()
        is_file = target.is_file() or target.is_dir()
        if is_file and target.parts[1:2] not in _KERNELS_OWN:
            self._program(path, is_named=False)

    def _program(self, path: str, *, is_named: bool = True) -> str:
        """A file, and what running it needs. Returns its path without links.

        In a directory that was named there may be files that could not run here either; their needs are no errors.
        """
        real = self._tree.add(path)
        if real in self._seen:
            return real
        self._seen.add(real)
        with suppress(*() if is_named else (NotFound,)):
            for library in self._finder.needed_by(real):
                self._tree.add(library)
        with suppress(*() if is_named else (NotFound,)):
            for interpreter in interpreters_of(real):
                self._program(interpreter, is_named=is_named)
        return real


def _located(name: str) -> str:
    if not name:
        raise InvalidArgument("image from-host: the name of a file is empty")
    if "/" in name:
        return str(Path(name).absolute())
    found = shutil.which(name)
    if found is None:
        raise NotFound(f"{name}: is not in PATH", hint="name the file by its path")
    return str(Path(found).absolute())
