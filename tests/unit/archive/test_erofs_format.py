"""The structures have the sizes and values that fs/erofs/erofs_fs.h gives them."""

from __future__ import annotations

import os

import pytest

from orlop.archive import erofs_format as fmt


def test_structures_have_the_sizes_of_the_header() -> None:
    sizes = [
        (fmt.SUPER, 128),
        (fmt.DEVICE_SLOT, 128),
        (fmt.COMPACT_INODE, 32),
        (fmt.EXTENDED_INODE, 64),
        (fmt.CHUNK_INDEX, 8),
        (fmt.DIRENT, 12),
        (fmt.XATTR_HEADER, 12),
        (fmt.XATTR_ENTRY, 4),
    ]
    assert [(one.size, size) for one, size in sizes if one.size != size] == []


def test_crc32c_gives_the_known_check_value() -> None:
    assert fmt.crc32c(b"123456789") ^ 0xFFFFFFFF == 0xE3069283, "RFC 3720, but not inverted at the end"


@pytest.mark.parametrize(("number", "multiple"), [(0, 0), (1, 512), (512, 512), (513, 1024)])
def test_align_rounds_up(number: int, multiple: int) -> None:
    assert fmt.align(number, 512) == multiple


@pytest.mark.parametrize("device", [(0, 0), (1, 3), (8, 255), (8, 256), (4095, (1 << 20) - 1)])
def test_device_numbers_are_the_kernels_32_bits(device: tuple[int, int]) -> None:
    assert fmt.encode_device(*device) == os.makedev(*device), "of these sizes glibc's form is the same"


@pytest.mark.parametrize("device", [(4096, 0), (0, 1 << 20), (-1, 0)])
def test_a_device_with_more_bits_is_refused(device: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="more than 12 and 20 bits"):
        fmt.encode_device(*device)
