"""A reader of EROFS images with a tar as their device, made from the format's description and not from the writer.

It reads every inode, directory and chunk of an image, and asserts what the kernel demands, or what it may rely on.
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass, field

BLOCK = 512
_MOST_CONTENT_BYTES = 1 << 20  # of a chunk: of a hole of 4 GiB its begin will do
_PREFIXES = {1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 6: "security."}
_FILE_TYPES = {1: stat.S_IFREG, 2: stat.S_IFDIR, 3: stat.S_IFCHR, 4: stat.S_IFBLK, 5: stat.S_IFIFO, 7: stat.S_IFLNK}


@dataclass
class Inode:
    """One inode. `chunks` are (device, block) of each chunk, (None, None) of a hole."""

    nid: int
    mode: int
    uid: int
    gid: int
    size: int
    nlink: int
    mtime_ns: int
    own: int
    is_compact: bool
    layout: int
    xattrs: dict[str, bytes]
    content: bytes = b""
    chunks: list[tuple[int | None, int | None]] = field(default_factory=list)
    chunk_bytes: int = 0

    @property
    def device(self) -> tuple[int, int]:
        """Major and minor number of a device node."""
        return (self.own >> 8) & 0xFFF, (self.own & 0xFF) | ((self.own >> 12) & 0xFFF00)


class Image:
    """An image, and the tar that is its device 1."""

    def __init__(self, data: bytes, tar: bytes) -> None:
        self.data = data
        self.tar = tar
        (
            magic,
            self.checksum,
            self.compat,
            bits,
            slots,
            root,
            self.inos,
            self.build_time,
            self.build_ns,
            self.blocks,
        ) = struct.unpack_from("<IIIBBHQqII", data, 1024)
        meta, xattr, self.uuid, _, self.incompat, _, devices, slot, directory_bits = struct.unpack_from(
            "<II16s16sIHHHB", data, 1064
        )
        assert (magic, bits, slots, meta, xattr, devices, directory_bits) == (0xE0F5E1E2, 9, 0, 0, 0, 1, 0)
        assert self.incompat == 0x4 | 0x8, "chunks and a device table, nothing else that a kernel would have to know"
        assert self.blocks * BLOCK == len(data)
        self.tag, self.tar_blocks, self.mapped_block = struct.unpack_from("<64sII", data, slot * 128)
        self.root = root
        self.paths: dict[str, Inode] = {}
        self.inodes: dict[int, Inode] = {}
        self._walk("", root, root)
        self._check_links()

    def _walk(self, path: str, nid: int, parent: int) -> None:
        inode = self.inodes.get(nid)
        if inode is None:
            inode = self.inodes[nid] = self._inode(nid)
        else:
            assert not stat.S_ISDIR(inode.mode), f"{path}: a directory with two names"
        self.paths[path] = inode
        if stat.S_ISDIR(inode.mode):
            entries = self._directory(inode)
            names = [name for name, _, _ in entries]
            assert names == sorted(set(names)), f"{path}: names that a binary search would miss"
            places = {name: child for name, child, _ in entries}
            assert (places.pop(b"."), places.pop(b"..")) == (nid, parent), path
            for name, child, file_type in entries:
                if name in {b".", b".."}:
                    continue
                self._walk(f"{path}/{os.fsdecode(name)}" if path else os.fsdecode(name), child, nid)
                assert stat.S_IFMT(self.inodes[child].mode) == _FILE_TYPES[file_type], name

    def _check_links(self) -> None:
        assert self.inos == len(self.inodes)
        names: dict[int, int] = {}
        for path, inode in self.paths.items():
            if not stat.S_ISDIR(inode.mode):
                names[inode.nid] = names.get(inode.nid, 0) + 1
                continue
            names[inode.nid] = names.get(inode.nid, 0) + 2
            if path:
                parent = self.paths[path.rpartition("/")[0]].nid
                names[parent] = names.get(parent, 0) + 1
        for nid, count in names.items():
            assert self.inodes[nid].nlink == count, f"nid {nid}: nlink {self.inodes[nid].nlink}, and {count} names"

    def _inode(self, nid: int) -> Inode:
        offset = nid * 32
        (form, count, mode) = struct.unpack_from("<HHH", self.data, offset)
        if form & 1:
            size, own, _, uid, gid, seconds, nanoseconds, nlink = struct.unpack_from("<QIIIIqII", self.data, offset + 8)
            end = offset + 64
        else:
            nlink, size, reserved, own, _, uid, gid, _ = struct.unpack_from("<HIIIIHHI", self.data, offset + 6)
            assert reserved == 0, "kernels from 6.15 on add it to the time"
            seconds, nanoseconds = self.build_time, self.build_ns
            end = offset + 32
        xattrs = self._xattrs(end, count)
        end += 12 + 4 * (count - 1) if count else 0
        time = seconds * 10**9 + nanoseconds
        inode = Inode(nid, mode, uid, gid, size, nlink, time, own, not form & 1, form >> 1, xattrs)
        if inode.layout == 4:
            self._read_chunks(inode, (end + 7) // 8 * 8)
        elif stat.S_IFMT(mode) in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
            self._read_flat(inode, offset, end)
        return inode

    def _xattrs(self, offset: int, count: int) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        if not count:
            return found
        assert count > 1, "a header alone is refused by the kernel"
        end = offset + 12 + 4 * (count - 1)
        shared = self.data[offset + 4]
        for place in struct.unpack_from(f"<{shared}I", self.data, offset + 12):
            self._xattr(place * 4, found)
        offset += 12 + 4 * shared
        while offset < end:
            offset = self._xattr(offset, found)
        assert offset == end
        return found

    def _xattr(self, offset: int, found: dict[str, bytes]) -> int:
        """Add the attribute at `offset`; returns where the next one stands."""
        length, prefix, size = struct.unpack_from("<BBH", self.data, offset)
        name = _PREFIXES[prefix] + os.fsdecode(self.data[offset + 4 : offset + 4 + length])
        assert name not in found
        found[name] = self.data[offset + 4 + length : offset + 4 + length + size]
        return offset + (4 + int(length) + int(size) + 3) // 4 * 4

    def _read_flat(self, inode: Inode, start: int, end: int) -> None:
        leading = inode.size // BLOCK * BLOCK if inode.layout == 2 else inode.size
        if inode.layout == 2 and inode.size and inode.size % BLOCK == 0:
            leading -= BLOCK
        first = inode.own * BLOCK
        inode.content = self.data[first : first + leading]
        if inode.layout == 2:
            tail = inode.size - leading
            assert start // BLOCK == (end + tail - 1) // BLOCK, "an inline tail is in one block with its inode"
            inode.content += self.data[end : end + tail]
        assert len(inode.content) == inode.size

    def _read_chunks(self, inode: Inode, offset: int) -> None:
        assert inode.own & ~0x1F == 0x20, "8-byte indexes"
        inode.chunk_bytes = BLOCK << (inode.own & 0x1F)
        parts = []
        for position in range(0, inode.size, inode.chunk_bytes):
            advise, device, block = struct.unpack_from("<HHI", self.data, offset)
            assert advise == 0
            offset += 8
            length = min(inode.chunk_bytes, inode.size - position, _MOST_CONTENT_BYTES)
            if block == 0xFFFFFFFF:
                inode.chunks.append((None, None))
                parts.append(bytes(length))
                continue
            inode.chunks.append((device, block))
            source = {0: self.data, 1: self.tar}[device]
            parts.append(source[block * BLOCK : block * BLOCK + length])
            assert len(parts[-1]) == length, "a chunk ends within its device"
        inode.content = b"".join(parts)

    def _directory(self, inode: Inode) -> list[tuple[bytes, int, int]]:
        entries = []
        for start in range(0, inode.size, BLOCK):
            block = inode.content[start : start + BLOCK]
            count = struct.unpack_from("<H", block, 8)[0] // 12
            heads = [struct.unpack_from("<QHBB", block, 12 * number) for number in range(count)]
            for number, (nid, name_offset, file_type, _) in enumerate(heads):
                end = heads[number + 1][1] if number + 1 < count else len(block)
                name = block[name_offset:end]
                entries.append((name.split(b"\0")[0] if number + 1 == count else name, nid, file_type))
        return entries
