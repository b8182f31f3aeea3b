"""Tar archives made byte by byte, right and wrong ones."""

from __future__ import annotations

USTAR = b"ustar\x0000"
GNU = b"ustar  \x00"
V7 = bytes(8)
END = bytes(1024)


def octal(value: int, width: int) -> bytes:
    """A numeric field as most writers make it."""
    return b"%0*o\x00" % (width - 1, value)


def base256(value: int, width: int) -> bytes:
    """A numeric field in GNU's binary form."""
    number = value.to_bytes(width - 1, "big", signed=value < 0)
    return (b"\xff" if value < 0 else b"\x80") + number


def with_checksum(block: bytes) -> bytes:
    """The block with its right checksum."""
    total = sum(block[:148]) + sum(block[156:]) + 256
    return block[:148] + b"%06o\x00 " % total + block[156:]


def header(
    name: bytes,
    kind: bytes = b"0",
    size: int | bytes = 0,
    *,
    mode: int | bytes = 0o644,
    uid: int | bytes = 0,
    gid: int | bytes = 0,
    mtime: int | bytes = 1_600_000_000,
    link: bytes = b"",
    magic: bytes = USTAR,
    device: tuple[int, int] = (0, 0),
    prefix: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    """One header block. Numbers given as bytes stand there as they are; `tail` is what is written from byte 345 on."""

    def field(value: int | bytes, width: int) -> bytes:
        text = value if isinstance(value, bytes) else octal(value, width)
        assert len(text) == width
        return text

    block = name[:100].ljust(100, b"\x00") + field(mode, 8) + field(uid, 8) + field(gid, 8) + field(size, 12)
    block += field(mtime, 12) + bytes(8) + kind + link[:100].ljust(100, b"\x00") + magic + bytes(64)
    block += octal(device[0], 8) + octal(device[1], 8) + (tail or prefix).ljust(167, b"\x00")
    assert len(block) == 512
    return with_checksum(block)


def padded(data: bytes) -> bytes:
    """Data up to the next block."""
    return data + bytes(-len(data) % 512)


def file(name: bytes, data: bytes = b"", **fields: object) -> bytes:
    """A regular file."""
    return header(name, b"0", len(data), **fields) + padded(data)  # type: ignore[arg-type]


def directory(name: bytes, **fields: object) -> bytes:
    """A directory."""
    return header(name, b"5", **({"mode": 0o755} | fields))  # type: ignore[arg-type]


def symlink(name: bytes, target: bytes) -> bytes:
    """A symbolic link."""
    return header(name, b"2", link=target, mode=0o777)


def hard_link(name: bytes, target: bytes) -> bytes:
    """A hard link."""
    return header(name, b"1", link=target)


def record(keyword: bytes, value: bytes) -> bytes:
    """One PAX record with its right length."""
    rest = len(keyword) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) != len(str(rest)):
        length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, keyword, value)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    """An extended header with its records."""
    data = b"".join(record(*one) for one in records)
    return header(b"PaxHeaders/x", kind, len(data)) + padded(data)


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    """GNU's header for a long name (L) or link target (K)."""
    data = name + b"\x00"
    return header(b"././@LongLink", kind, len(data), magic=GNU) + padded(data)


def old_sparse(
    name: bytes, size: int, pairs: list[tuple[int, int]], data: bytes, *, realsize: bytes = b"", extended: bytes = b""
) -> bytes:
    """A sparse file of GNU's old format; `extended` are the blocks with the rest of the map."""
    tail = bytes(41) + b"".join(octal(a, 12) + octal(b, 12) for a, b in pairs[:4])
    tail = tail.ljust(137, b"\x00") + (b"\x01" if extended else b"\x00") + (realsize or octal(size, 12))
    return header(name, b"S", len(data), magic=GNU, tail=tail) + extended + padded(data)


def sparse_block(pairs: list[tuple[int, int]], *, goes_on: bool = False) -> bytes:
    """A block of the map of GNU's old sparse format."""
    block = b"".join(octal(a, 12) + octal(b, 12) for a, b in pairs).ljust(504, b"\x00")
    return (block + (b"\x01" if goes_on else b"\x00")).ljust(512, b"\x00")
