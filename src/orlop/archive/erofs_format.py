"""The structures of EROFS that an index is made of, as fs/erofs/erofs_fs.h of Linux defines them. Little endian.

An inode's number, its *nid*, is its place: the offset in units of 32 bytes, for our metadata area begins at block 0.
"""

from __future__ import annotations

from struct import Struct

BLOCK_BITS = 9
BLOCK_BYTES = 1 << BLOCK_BITS  # as large as what tar aligns data to; the kernel takes it since 6.4
IMAGE_UNIT_BYTES = 4096  # an image's size is a multiple of this, so that no page of it is read in part
MAX_BLOCKS = (1 << 32) - 2  # block addresses have 32 bits, and all bits set is a hole

MAGIC = 0xE0F5E1E2
SUPER_OFFSET = 1024
# magic, checksum, feature_compat, blkszbits, sb_extslots, root_nid, inos, build_time, build_time_nsec, blocks,
# meta_blkaddr, xattr_blkaddr, uuid, volume_name, feature_incompat, compression, extra_devices, devt_slotoff,
# dirblkbits, xattr_prefix_count, xattr_prefix_start, packed_nid, and 24 bytes that are zero
SUPER = Struct("<IIIBBHQqIIII16s16sIHHHBBIQ24x")
CHECKSUM = Struct("<I")
CHECKSUM_OFFSET = SUPER_OFFSET + 4
COMPAT_CHECKSUM = 0x1
COMPAT_MTIME = 0x2
INCOMPAT_CHUNKED_FILE = 0x4
INCOMPAT_DEVICE_TABLE = 0x8

DEVICE_SLOT = Struct("<64sII56x")  # tag, blocks, mapped_blkaddr
DEVICE_SLOT_OFFSET = SUPER_OFFSET + SUPER.size
META_OFFSET = 3 * BLOCK_BYTES  # behind the block of the superblock and the device slot

NID_BITS = 5
NID_BYTES = 1 << NID_BITS
# i_format, i_xattr_icount, i_mode, i_nlink, i_size, i_u, i_ino, i_uid, i_gid; the time is the superblock's
COMPACT_INODE = Struct("<HHHHI4xIIHH4x")
# i_format, i_xattr_icount, i_mode, i_size, i_u, i_ino, i_uid, i_gid, i_mtime, i_mtime_nsec, i_nlink
EXTENDED_INODE = Struct("<HHH2xQIIIIqII16x")
EXTENDED = 0x1
FLAT_PLAIN = 0 << 1
FLAT_INLINE = 2 << 1
CHUNK_BASED = 4 << 1

CHUNK_INDEXES = 0x20  # the chunk format's flag: 8-byte indexes, with a device
CHUNK_INDEX = Struct("<HHI")  # advise, device_id, blkaddr
MAX_CHUNK_BITS = 31  # the format has 40; a shift of a 32-bit kernel's long has fewer
HOLE = 0xFFFFFFFF
PRIMARY_DEVICE = 0
TAR_DEVICE = 1

DIRENT = Struct("<QHBB")  # nid, nameoff, file_type, reserved
# The type of a directory entry by the upper four bits of a mode.
FILE_TYPES = bytes((0, 5, 3, 0, 2, 0, 4, 0, 1, 0, 7, 0, 6, 0, 0, 0))

XATTR_HEADER = Struct("<IB7x")  # h_name_filter, h_shared_count
# What an inode keeps room for where only lower layers describe the directory: a header, and references to attributes
# elsewhere in the image. The kernel reads as far as i_xattr_icount says; ROOM_END tells us that the room is there.
ROOM_XATTRS = 64
ROOM_END = b"room"
ROOM_BYTES = XATTR_HEADER.size + 4 * ROOM_XATTRS + len(ROOM_END)
XATTR_ENTRY = Struct("<BBH")  # e_name_len, e_name_index, e_value_size
XATTR_PREFIXES = ((b"user.", 1), (b"trusted.", 4), (b"security.", 6))
XATTR_WHOLE_NAMES = {b"system.posix_acl_access": 2, b"system.posix_acl_default": 3}


def align(number: int, unit: int) -> int:
    """`number`, or the next larger multiple of `unit`."""
    return -(-number // unit) * unit


def crc32c(data: bytes | bytearray) -> int:
    """The Castagnoli CRC as the superblock has it: begun with all bits set, and not inverted at the end."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def encode_device(major: int, minor: int) -> int:
    """A device number in the kernel's 32-bit form; `ValueError` where it has more than 12 and 20 bits."""
    if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
        raise ValueError(f"device {major}:{minor} has more than 12 and 20 bits")
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)
