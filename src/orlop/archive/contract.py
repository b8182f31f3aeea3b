"""What the unpacker takes and gives. No implementation.

A layer comes in as a stream of bytes, compressed or not, and goes out in one of three forms into one directory. The
work is done by a helper process that can reach nothing but that directory: own mount namespace and root, no network,
few system calls, bounded memory. The caller verifies the compressed digest while it feeds the stream; the helper
decompresses, computes the diff id, and checks every entry before it touches the file system.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


@dataclass(frozen=True, slots=True)
class IdRange:
    """One line of an id map: `size` ids from `container_id` on are those from `host_id` on outside."""

    container_id: int
    host_id: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackJob:
    """One layer to unpack. `form` is a snapshot.contract.LayerForm's value: overlay, applied, tar-index.

    `compression` is none, gzip or zstd, from the layer's media type; a stream that is something else is an error.
    """

    form: str
    directory: Path
    compression: str
    user_xattr: bool = False
    uid_map: tuple[IdRange, ...] = ()
    gid_map: tuple[IdRange, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackResult:
    """What came of it. `diff_id` is of the whole decompressed stream, what pads the archive's end included."""

    diff_id: Digest
    raw_bytes: int
    entries: int
