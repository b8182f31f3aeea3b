"""Images from an OCI image layout that is a directory, as umoci, skopeo and buildkit keep them."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, InvalidArgument, NotFound
from orlop.linux.errno_text import kernel_error
from orlop.oci.image_json import MANIFEST_MAX_BYTES
from orlop.oci.manifest import Index, Manifest, parse_manifest
from orlop.oci.media_types import INDEXES, MANIFESTS, OCI_INDEX

from .documents import is_there, read_document
from .layout import BLOBS, INDEX_FILE, LAYOUT_FILE
from .loaded import LoadedImage, images_of_layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest

_CHUNK = 1 << 20
_DEPTH_MAX = 4
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def load_directory(content: ContentStore, root: Path, *, base_name: str = "") -> list[LoadedImage]:
    """The images that the layout's `index.json` names. Links in the layout are not followed. The caller holds a lease.

    Raises:
        InvalidArgument: it is no layout, or its documents are wrong.
        NotFound: a part of an image is neither in the layout nor in the store.
        FailedPrecondition: a blob's content is not what its name says.
        KernelError: the layout cannot be read, or the store cannot take it.
    """
    try:
        with _errors(root):
            root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"{root}: there is no such directory") from None
    try:
        layout = _small(root_fd, LAYOUT_FILE, root)
        index = _small(root_fd, INDEX_FILE, root)
        document = parse_manifest(index, media_type=OCI_INDEX, place=INDEX_FILE)
        _take_all(content, root_fd, document, root)
    finally:
        os.close(root_fd)
    return images_of_layout(content, layout, index, base_name=base_name)


def _take_all(content: ContentStore, root_fd: int, top: Manifest | Index, root: Path) -> None:
    """All blobs that the documents lead to and the layout has."""
    pending = [(child, 1) for child in top.children]
    seen = set()
    while pending:
        descriptor, depth = pending.pop()
        if descriptor.digest in seen:
            continue
        seen.add(descriptor.digest)
        is_there = _take(content, root_fd, descriptor, root)
        if is_there and descriptor.media_type in INDEXES | MANIFESTS and depth <= _DEPTH_MAX:
            pending += [(child, depth + 1) for child in read_document(content, descriptor).children]


def _take(content: ContentStore, root_fd: int, descriptor: Descriptor, root: Path) -> bool:
    """Copy one blob, unless the store has it; False: neither store nor layout has it."""
    with _errors(root):
        source = _open_blob(root_fd, descriptor.digest)
    if source < 0:
        return is_there(content, descriptor.digest)
    try:
        with content.begin(f"load-{descriptor.digest}", expected=descriptor.digest) as ingest:
            while ingest.offset <= descriptor.size:  # one part more than that is enough to tell that it is too large
                with _errors(root):
                    part = os.pread(source, _CHUNK, ingest.offset)
                if not part:
                    break
                ingest.write(part)
            ingest.commit(size=descriptor.size)
    except AlreadyExists:
        pass
    finally:
        os.close(source)
    return True


def _open_blob(root_fd: int, digest: Digest) -> int:
    """The file of a blob, which the caller owns, or -1."""
    opened: list[int] = []
    try:
        for part in (BLOBS, digest.algorithm):
            opened.append(os.open(part, _DIRECTORY, dir_fd=opened[-1] if opened else root_fd))
        descriptor = os.open(digest.encoded, _FILE, dir_fd=opened[-1])
    except (FileNotFoundError, NotADirectoryError):
        return -1
    finally:
        for one in opened:
            os.close(one)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return -1


def _small(root_fd: int, name: str, root: Path) -> bytes:
    try:
        with _errors(root):
            descriptor = os.open(name, _FILE, dir_fd=root_fd)
    except FileNotFoundError:
        raise InvalidArgument(f"{root}: is no OCI image layout: it has no {name}") from None
    try:
        with _errors(root):
            return os.pread(
                descriptor, MANIFEST_MAX_BYTES + 1, 0
            )  # one more: then the parser says that it is too large
    finally:
        os.close(descriptor)


@contextmanager
def _errors(root: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as err:
        name = err.filename if isinstance(err.filename, str) else ""
        raise kernel_error("read", name, err.errno or 0, where=f"cannot load {root}") from err
