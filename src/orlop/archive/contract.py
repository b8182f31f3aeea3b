"""What the unpacker takes and gives. No implementation.

A layer comes in as a stream of bytes, compressed or not, and goes out in one of three forms into one directory. The
work is done by a helper process that can reach nothing but that directory: own mount namespace and root, no network,
few system calls, bounded memory. The caller verifies the compressed digest while it feeds the stream; the helper
decompresses, computes the diff id, and checks every entry before it touches the file system.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orlop.oci.digest import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one layer (THREATS.md I). Reaching one is an error that names it. Sizes in bytes."""

    entries: int = 2_000_000
    total_bytes: int = 64 << 30  # what the entries' contents may add up to, holes included
    raw_bytes: int = 64 << 30  # the decompressed stream
    ratio: int = 1100  # decompressed to compressed, once `ratio_from_bytes` are out; deflate cannot exceed 1032
    ratio_from_bytes: int = 64 << 20
    path_bytes: int = 4095  # PATH_MAX without its NUL
    name_bytes: int = 255  # NAME_MAX
    depth: int = 1000
    pax_bytes: int = 1 << 20  # of one entry's extended header
    pax_records: int = 4096
    sparse_segments: int = 65_536  # of one entry
    xattr_bytes: int = 64 << 10  # of one entry, names and values
    memory_bytes: int = 64 << 20  # that the unpacker may hold; a zstd window may take half of it


class EntryType(Enum):
    """What an entry of an archive makes."""

    FILE = "file"
    HARD_LINK = "hard link"
    SYMLINK = "symbolic link"
    CHARACTER_DEVICE = "character device"
    BLOCK_DEVICE = "block device"
    DIRECTORY = "directory"
    FIFO = "fifo"


@dataclass(slots=True, kw_only=True)
class Entry:
    """One entry, its PAX and GNU extensions applied, checked against the limits; paths are not resolved yet.

    `path` and `link_target` are the archive's bytes without NUL: `path` relative, normalized, without `.` and `..`
    parts, and empty for the root itself. Of a hard link, `link_target` is such a path too; of a symbolic link it is
    any text. `size` is what the file has after extraction; `segments` are the (offset, length) of its data where it
    is sparse, and None where the data is the whole file. The data stands in the raw stream from `data_offset` on, a
    multiple of 512, the segments' one behind the other. Not frozen: a layer has tens of thousands.
    """

    path: bytes
    type: EntryType
    mode: int  # permission bits with setuid, setgid and sticky: 0o7777
    uid: int
    gid: int
    size: int = 0
    mtime_ns: int = 0  # since the epoch, may be negative; has 63 bits
    link_target: bytes = b""
    device: tuple[int, int] = (0, 0)  # major, minor
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)
    segments: tuple[tuple[int, int], ...] | None = None
    data_offset: int = 0


@dataclass(frozen=True, slots=True)
class IdRange:
    """One line of an id map: `size` ids from `container_id` on are those from `host_id` on outside."""

    container_id: int
    host_id: int
    size: int


class LayerMount(NamedTuple):
    """One mount(2) of the host's files, for the helper only; options as in fstab."""

    type: str
    source: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackJob:
    """One layer to unpack. `form` is a snapshot.contract.LayerForm's value: overlay, applied, tar-index.

    `compression` is none, gzip or zstd, from the layer's media type; a stream that is something else is an error.
    Where there are `mounts`, the helper's process makes them, and the layer goes there; `directory` is where that is
    kept. `has_parent`: what the layer names and has not may stand in one below, and is no error yet.
    """

    form: str
    directory: Path
    compression: str
    user_xattr: bool = False
    uid_map: tuple[IdRange, ...] = ()
    gid_map: tuple[IdRange, ...] = ()
    limits: Limits = field(default_factory=Limits)
    mounts: tuple[LayerMount, ...] = ()
    has_parent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackResult:
    """What came of it. `diff_id` is of the whole decompressed stream, what pads the archive's end included.

    What was unpacked is not durable yet: that is the snapshotter's, at `commit`, which takes three lists of
    directories. The form `applied`, which finds in place what is below, has none of them.

    - `implied`: the layer has something in it but no entry of it, and has not deleted it before; b"" is the root. They
      are 0755 of root with time 0, and where a lower layer has them, they are to get its mode, owner, attributes, time.
    - `passed`: it was one of those, until an entry described or replaced it. What came before that entry went there.
    - `deleting`: there are deletions in it, as overlayfs has them.

    `needs_parent`: the layer has a hard link to what it has not. It can only be unpacked on top of its parent.
    `dropped_xattrs` counts by name what no file got, since it may not be set or the file system does not take it.
    """

    diff_id: Digest
    raw_bytes: int
    entries: int
    peak_memory_bytes: int = 0  # resident, of the helper process
    implied: tuple[bytes, ...] = ()
    passed: tuple[bytes, ...] = ()
    deleting: tuple[bytes, ...] = ()
    needs_parent: bool = False
    dropped_xattrs: Mapping[str, int] = field(default_factory=dict)
