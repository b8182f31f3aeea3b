"""Entries of a tar for tests of the EROFS index, by Python's own tarfile: another reader than the one in src/."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from decimal import Decimal
from typing import TYPE_CHECKING

from orlop.archive.contract import Entry, EntryType, Limits
from orlop.archive.erofs_image import MEMORY_BYTES, ErofsIndex
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DIFF_ID = Digest.of(b"a layer")
_XATTR = "SCHILY.xattr."
_TYPES = {
    tarfile.REGTYPE: EntryType.FILE,
    tarfile.AREGTYPE: EntryType.FILE,
    tarfile.GNUTYPE_SPARSE: EntryType.FILE,
    tarfile.LNKTYPE: EntryType.HARD_LINK,
    tarfile.SYMTYPE: EntryType.SYMLINK,
    tarfile.CHRTYPE: EntryType.CHARACTER_DEVICE,
    tarfile.BLKTYPE: EntryType.BLOCK_DEVICE,
    tarfile.DIRTYPE: EntryType.DIRECTORY,
    tarfile.FIFOTYPE: EntryType.FIFO,
}


def entry(path: str, kind: EntryType = EntryType.FILE, /, **fields: object) -> Entry:
    """An entry with the usual mode, of root, at the epoch."""
    defaults = {"mode": 0o755 if kind is EntryType.DIRECTORY else 0o644, "uid": 0, "gid": 0}
    return Entry(path=os.fsencode(path), type=kind, **(defaults | fields))  # type: ignore[arg-type]


def directory(path: str, **fields: object) -> Entry:
    """An entry of a directory."""
    return entry(path, EntryType.DIRECTORY, **fields)


def link(path: str, target: str, **fields: object) -> Entry:
    """An entry of a symbolic link."""
    return entry(path, EntryType.SYMLINK, link_target=os.fsencode(target), **fields)


def hard_link(path: str, target: str) -> Entry:
    """An entry of a hard link."""
    return entry(path, EntryType.HARD_LINK, link_target=os.fsencode(target))


def entries_of(tar: bytes) -> Iterator[Entry]:
    """The entries of an archive."""
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
        for member in archive:
            kind = _TYPES[member.type]
            time = Decimal(member.pax_headers.get("mtime", str(member.mtime)))
            target = os.fsencode(member.linkname)
            records = member.pax_headers.items()
            yield Entry(
                path=_plain(member.name),
                type=kind,
                mode=member.mode & 0o7777,
                uid=member.uid,
                gid=member.gid,
                size=member.size if kind is EntryType.FILE else 0,
                mtime_ns=int(time * 10**9),
                link_target=_plain(member.linkname) if kind is EntryType.HARD_LINK else target,
                device=(member.devmajor, member.devminor),
                xattrs={
                    key[len(_XATTR) :].encode(): os.fsencode(text) for key, text in records if key.startswith(_XATTR)
                },
                segments=None if member.sparse is None else tuple(member.sparse),  # type: ignore[arg-type]
                data_offset=member.offset_data,
            )


def image_of(
    entries: Iterable[Entry],
    tar: bytes = b"",
    *,
    user_xattr: bool = False,
    limits: Limits | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> bytes:
    """The image that an index of the entries writes."""
    index = ErofsIndex(user_xattr=user_xattr, limits=limits, memory_bytes=memory_bytes)
    for one in entries:
        index.add(one)
    return written(index, tar)


def written(index: ErofsIndex, tar: bytes) -> bytes:
    """What an index writes to a file."""
    with tempfile.TemporaryFile() as output:
        size = index.write(output, tar=io.BytesIO(tar), tar_bytes=len(tar), diff_id=DIFF_ID)
        output.seek(0)
        data = output.read()
    assert size == len(data)
    return data


def _plain(path: str) -> bytes:
    return b"/".join(part for part in os.fsencode(path).split(b"/") if part not in {b"", b"."})
