"""What is wrong in a local content store, and the repair of it: `orlop store check [--repair]`.

A store that power loss, a full or a failing disk, or somebody's hand has damaged still serves what is whole. `check`
reads every blob; `repair` moves the bad ones out of sight, into `quarantine/`, and removes what nothing can use. Both
may run while others use the store: what somebody is writing is left alone.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest

from . import small_file
from .blob_file import is_torn
from .directories import kernel_errors, names, subdirectory
from .ingest_directory import DATA, STATE, IngestDirectory
from .labels import LabelFiles, decode
from .quarantine import QUARANTINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .directories import StoreDirectories
    from .local import LocalContentStore

_CHUNK = 1 << 20
_ROOT_NAMES = {"blobs", "labels", "ingest", QUARANTINE, "lock"}


class Fault(Enum):
    """What can be wrong."""

    TORN = "a blob is shorter or longer than it was"
    CORRUPT = "a blob's content is not what its digest says"
    UNREADABLE = "a blob cannot be read from the disk"
    STRAY = "a file is no part of the store"
    STALE = "a writer that was killed left a temporary file"
    LOST_INGEST = "an ingest cannot be resumed"
    BAD_LABELS = "labels cannot be read"
    LABELS_ALONE = "labels have no blob"


_BAD_BLOB = {Fault.TORN, Fault.CORRUPT, Fault.UNREADABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong. `path` is relative to the store's root; `refetch` is set where a blob is lost.

    `labels` are those that the blob had: whoever fetches it again commits it with them.
    """

    fault: Fault
    path: str
    detail: str = ""
    refetch: Digest | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.path}: {self.fault.value}" + (f": {self.detail}" if self.detail else "")


def check(store: LocalContentStore) -> Iterator[Finding]:
    """All that is wrong, one by one; nothing is changed. Reads every blob, 1 MiB at a time.

    Raises:
        KernelError: a directory cannot be read.
    """
    directories = store.directories
    with kernel_errors("cannot check the content store", "open"):
        for name in sorted(set(names(directories.root)) - _ROOT_NAMES):
            yield Finding(fault=Fault.STRAY, path=name)
        for parent, by_algorithm in (("blobs", directories.blobs), ("labels", directories.labels)):
            yield from _strays_beside_algorithms(directories, parent, set(by_algorithm))
        for algorithm in directories.blobs:
            yield from _blobs(directories, algorithm)
            yield from _labels(directories, algorithm)
        yield from _ingests(directories)


def repair(store: LocalContentStore) -> Iterator[Finding]:
    """As `check`, and each finding has been repaired when it comes out.

    Bad blobs and strays are moved to `quarantine/`, so that nobody is served them and nothing is lost that somebody
    may want to look at; a finding with `refetch` names what has to be fetched again. The rest is removed.
    `quarantine.empty` removes what was set aside.

    Raises:
        KernelError: a directory cannot be read or changed.
    """
    directories = store.directories
    quarantine = -1
    try:
        with kernel_errors("cannot repair the content store", "rename"):
            for finding in check(store):
                if finding.fault in _BAD_BLOB | {Fault.STRAY}:
                    if quarantine < 0:
                        quarantine = subdirectory(directories.root, QUARANTINE)
                    _set_aside(directories, quarantine, finding)
                else:
                    _remove(directories, finding)
                yield finding
    finally:
        if quarantine >= 0:
            os.close(quarantine)


def _strays_beside_algorithms(directories: StoreDirectories, parent: str, known: set[str]) -> Iterator[Finding]:
    descriptor = subdirectory(directories.root, parent)
    try:
        for name in sorted(set(names(descriptor)) - known):
            yield Finding(fault=Fault.STRAY, path=f"{parent}/{name}")
    finally:
        os.close(descriptor)


def _blobs(directories: StoreDirectories, algorithm: str) -> Iterator[Finding]:
    directory = directories.blobs[algorithm]
    for name in sorted(names(directory)):
        path = f"blobs/{algorithm}/{name}"
        digest = _digest(algorithm, name)
        if digest is None:
            yield Finding(fault=Fault.STRAY, path=path)
            continue
        try:
            found = _blob_fault(directory, digest)
        except FileNotFoundError:  # deleted meanwhile
            continue
        if found is not None:
            fault, detail = found
            labels = LabelFiles(directories).read(digest)
            yield Finding(fault=fault, path=path, detail=detail, refetch=digest, labels=labels)


def _blob_fault(directory: int, digest: Digest) -> tuple[Fault, str] | None:
    status = os.stat(digest.encoded, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        return Fault.CORRUPT, "it is no regular file"
    descriptor = os.open(digest.encoded, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        if is_torn(descriptor, digest, os.fstat(descriptor).st_size):
            return Fault.TORN, f"it has {os.fstat(descriptor).st_size} bytes"
        found = _digest_of_file(descriptor, digest)
    except OSError as err:
        return Fault.UNREADABLE, os.strerror(err.errno or 0)
    finally:
        os.close(descriptor)
    return None if found == digest else (Fault.CORRUPT, f"it has the digest {found}")


def _digest_of_file(descriptor: int, wanted: Digest) -> Digest:
    hasher = wanted.hasher()
    buffer = memoryview(bytearray(_CHUNK))
    offset = 0
    while count := os.preadv(descriptor, [buffer], offset):
        hasher.update(buffer[:count])
        offset += count
    return Digest(wanted.algorithm, hasher.hexdigest())


def _labels(directories: StoreDirectories, algorithm: str) -> Iterator[Finding]:
    """Labels change under the store's lock, so that what is seen under it is not somebody's work in progress."""
    found = []
    with directories.locked():
        blobs = set(names(directories.blobs[algorithm]))
        for name in sorted(names(directories.labels[algorithm])):
            fault = _label_fault(directories.labels[algorithm], algorithm, name, blobs)
            if fault is not None:
                found.append(Finding(fault=fault, path=f"labels/{algorithm}/{name}"))
    yield from found


def _label_fault(directory: int, algorithm: str, name: str, blobs: set[str]) -> Fault | None:
    if _digest(algorithm, name.removesuffix(small_file.NEW)) is None:
        return Fault.STRAY
    if name.endswith(small_file.NEW):
        return Fault.STALE
    if not stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        return Fault.STRAY
    if name not in blobs:
        return Fault.LABELS_ALONE
    content = small_file.read(directory, name)
    return Fault.BAD_LABELS if content is None or decode(content) is None else None


def _ingests(directories: StoreDirectories) -> Iterator[Finding]:
    for name in sorted(names(directories.ingest)):
        path = f"ingest/{name}"
        if _digest("sha256", name) is None:
            yield Finding(fault=Fault.STRAY, path=path)
            continue
        try:
            directory = IngestDirectory.lock(directories.ingest, name)
        except FileNotFoundError:
            continue
        except NotADirectoryError:
            yield Finding(fault=Fault.STRAY, path=path)
            continue
        if directory is None:  # somebody is writing it
            continue
        try:
            findings = list(_ingest_faults(directory, path))
        finally:
            directory.close()
        yield from findings


def _ingest_faults(directory: IngestDirectory, path: str) -> Iterator[Finding]:
    inside = set(names(directory.descriptor))
    for name in sorted(inside - {STATE, DATA}):
        fault = Fault.STALE if name == STATE + small_file.NEW else Fault.STRAY
        yield Finding(fault=fault, path=f"{path}/{name}")
    if directory.state() is None or DATA not in inside:
        yield Finding(fault=Fault.LOST_INGEST, path=path, detail=f"its {STATE} or {DATA} is missing or torn")


def _digest(algorithm: str, name: str) -> Digest | None:
    try:
        return Digest.parse(f"{algorithm}:{name}")
    except InvalidArgument:
        return None


def _parent(directories: StoreDirectories, path: str) -> tuple[int, str]:
    """The directory in which the last part of a finding's path stands; the caller owns the descriptor."""
    *parents, name = path.split("/")
    descriptor = os.dup(directories.root)
    for part in parents:
        inner = subdirectory(descriptor, part)
        os.close(descriptor)
        descriptor = inner
    return descriptor, name


def _set_aside(directories: StoreDirectories, quarantine: int, finding: Finding) -> None:
    """Move a bad blob or a stray to `quarantine/`, unless it is no longer what was found."""
    parent, name = _parent(directories, finding.path)
    try:
        with directories.locked(), suppress(FileNotFoundError):
            if finding.refetch is not None:
                if _blob_fault(parent, finding.refetch) is None:  # somebody has stored it anew
                    return
                LabelFiles(directories).remove(finding.refetch)
            aside = finding.path.replace("/", "-")
            while aside in names(quarantine):
                aside += "+"
            os.rename(name, aside, src_dir_fd=parent, dst_dir_fd=quarantine)
            os.fsync(parent)
    finally:
        os.close(parent)


def _remove(directories: StoreDirectories, finding: Finding) -> None:
    if finding.fault is Fault.LOST_INGEST:
        with suppress(FileNotFoundError):
            directory = IngestDirectory.lock(directories.ingest, finding.path.rpartition("/")[2])
            if directory is not None:
                _remove_lost(directory, finding.path)
        return
    parent, name = _parent(directories, finding.path)
    try:
        with directories.locked():
            if finding.fault is Fault.LABELS_ALONE and name in names(_blobs_beside(directories, finding.path)):
                return  # the blob has come meanwhile
            small_file.remove(parent, name)
    finally:
        os.close(parent)


def _remove_lost(directory: IngestDirectory, path: str) -> None:
    try:
        faults = {finding.fault for finding in _ingest_faults(directory, path)}
        if Fault.LOST_INGEST in faults:  # nobody has begun it anew meanwhile
            directory.remove()
    finally:
        directory.close()


def _blobs_beside(directories: StoreDirectories, path: str) -> int:
    return directories.blobs[path.split("/")[1]]
