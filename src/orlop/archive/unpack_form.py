"""One layer into a form that a snapshotter asks for: what the unpacker's process does, without the process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotImplementedFeature

from .contract import UnpackJob, UnpackResult
from .erofs_format import BLOCK_BYTES, align
from .erofs_image import ErofsIndex
from .extractor import extract
from .raw_stream import RawStream
from .tar_reader import TarReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_INDEX_SHARE = 0.5  # of `memory_bytes`; the rest is for the interpreter and the stream
_FILE_MODE = 0o600
_NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

TAR_NAME, INDEX_NAME = "layer.tar", "layer.erofs"


def unpack(job: UnpackJob, stream_fd: int) -> UnpackResult:
    """Unpack the layer that comes from a file descriptor. Nothing is durable then.

    Raises:
        InvalidArgument: the layer is damaged or hostile, or reaches a limit; or the job's form is none.
        OSError: of the directory, or of the stream.
        MemoryError: a limit of this process was reached.
    """
    form = _FORMS.get(job.form)
    if form is None:
        raise InvalidArgument(f'layer: form "{job.form}" is not known; use {", ".join(_FORMS)}')
    return form(job, stream_fd)


def _tar_index(job: UnpackJob, stream_fd: int) -> UnpackResult:
    """The raw stream as it is, and an index of it. What deletes is in the index, in overlayfs's form."""
    try:
        return _tar_and_index(job, stream_fd)
    except MemoryError:  # where the index's own bound is not the first one
        raise NotImplementedFeature(
            "layer: its index takes more memory than the unpacker may have (limit memory_bytes)",
            hint="use --snapshotter overlayfs for this image, or raise unpack.memory_mib in orlop's configuration",
        ) from None


def _tar_and_index(job: UnpackJob, stream_fd: int) -> UnpackResult:
    tar_fd = os.open(job.directory / TAR_NAME, os.O_RDWR | _NEW_FILE, _FILE_MODE)
    with os.fdopen(tar_fd, "r+b", buffering=0) as tar:
        index = ErofsIndex(
            user_xattr=job.user_xattr,
            uid_map=job.uid_map,
            gid_map=job.gid_map,
            limits=job.limits,
            memory_bytes=int(job.limits.memory_bytes * _INDEX_SHARE),
            has_parent=job.has_parent,
        )
        entries = 0
        with RawStream(stream_fd, job.compression, job.limits, sink=lambda piece: _write(tar_fd, piece)) as stream:
            reader = TarReader(stream.read, job.limits)
            for entry in reader:
                try:
                    index.add(entry)
                except InvalidArgument as error:
                    raise reader.refusal(entry.path, error) from None
                entries += 1
            diff_id, raw_bytes = stream.finish()
        tar_bytes = align(raw_bytes, BLOCK_BYTES)
        if tar_bytes > raw_bytes:  # the archive's end is missing, and the kernel reads whole blocks
            os.ftruncate(tar_fd, tar_bytes)
        index_fd = os.open(job.directory / INDEX_NAME, os.O_RDWR | _NEW_FILE, _FILE_MODE)
        with os.fdopen(index_fd, "r+b", buffering=0) as output:
            index.write(output, tar=tar, tar_bytes=tar_bytes, diff_id=diff_id)
    return UnpackResult(
        diff_id=diff_id,
        raw_bytes=raw_bytes,
        entries=entries,
        implied=tuple(index.implied),
        passed=tuple(index.passed),
        deleting=tuple(index.deleting),
        needs_parent=index.needs_parent,
        dropped_xattrs=_named(index.dropped_xattrs),
    )


def _extracted(job: UnpackJob, stream_fd: int) -> UnpackResult:
    """Files in the directory, deletions as overlayfs wants them or done."""
    root_fd = os.open(job.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with RawStream(stream_fd, job.compression, job.limits) as stream:
            stats = extract(
                TarReader(stream.read, job.limits),
                root_fd,
                form=job.form,
                user_xattr=job.user_xattr,
                uid_map=job.uid_map,
                gid_map=job.gid_map,
                has_parent=job.has_parent,
            )
            diff_id, raw_bytes = stream.finish()
    finally:
        os.close(root_fd)
    return UnpackResult(
        diff_id=diff_id,
        raw_bytes=raw_bytes,
        entries=stats.entries,
        implied=tuple(stats.implied),
        passed=tuple(stats.passed),
        deleting=tuple(stats.deleting),
        needs_parent=stats.needs_parent,
        dropped_xattrs=_named(stats.dropped_xattrs),
    )


def _named(dropped: Mapping[bytes, int]) -> dict[str, int]:
    return {name.decode("utf-8", "backslashreplace"): count for name, count in dropped.items()}


def _write(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])


_FORMS: dict[str, Callable[[UnpackJob, int], UnpackResult]] = {
    "overlay": _extracted,
    "applied": _extracted,
    "tar-index": _tar_index,
}
