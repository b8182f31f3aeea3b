"""Attributes encode to what the kernel's format says, and what it has no form for is refused by name."""

from __future__ import annotations

import pytest

from orlop.archive.erofs_xattr import encode_xattrs, merge_xattrs, xattr_body, xattr_count

ACL = b"\x02\x00\x00\x00" + b"\x01\x00\x06\x00\xff\xff\xff\xff"


def test_entries_are_name_without_prefix_and_value_in_words() -> None:
    assert encode_xattrs({b"user.ab": b"xyz"}) == b"\x02\x01\x03\x00abxyz\0\0\0"
    assert encode_xattrs({b"trusted.a": b"xyz"}) == b"\x01\x04\x03\x00axyz"
    assert encode_xattrs({b"system.posix_acl_access": ACL}) == b"\x00\x02\x0c\x00" + ACL


def test_the_order_of_the_archive_does_not_matter() -> None:
    pairs = [(b"user.b", b"1"), (b"user.a", b"2"), (b"security.ima", b"3")]
    assert encode_xattrs(dict(pairs)) == encode_xattrs(dict(reversed(pairs)))


def test_no_attributes_take_no_room() -> None:
    assert (xattr_body(b""), xattr_count(b"")) == (b"", 0)


def test_the_count_is_the_header_and_the_words_behind_it() -> None:
    entries = encode_xattrs({b"user.ab": b"xyz"})
    assert xattr_body(entries) == bytes(12) + entries
    assert xattr_count(entries) == 1 + len(entries) // 4


def test_merging_keeps_what_only_one_has_and_takes_the_new_value() -> None:
    old = encode_xattrs({b"user.a": b"old", b"user.b": b"kept", b"security.a": b"other"})
    merged = merge_xattrs(old, encode_xattrs({b"user.a": b"new value", b"user.c": b""}))
    wanted = {b"user.a": b"new value", b"user.b": b"kept", b"user.c": b"", b"security.a": b"other"}
    assert merged == merge_xattrs(encode_xattrs({b"user.a": b"x"}), encode_xattrs(wanted))
    assert len(merged) == len(encode_xattrs(wanted))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        (b"user.", b"", "only user, trusted, security and POSIX ACLs"),
        (b"system.other", b"", "only user, trusted, security and POSIX ACLs"),
        (b"nothing", b"", "only user, trusted, security and POSIX ACLs"),
        (b"user." + b"n" * 256, b"", "more than 255 bytes"),
        (b"user.a\0b", b"", "a NUL"),
        (b"user.a", bytes(65536), "65536 bytes; the most are 65535"),
        (b"system.posix_acl_access", b"\x01\0\0\0", "not an access control list of version 2"),
        (b"system.posix_acl_default", ACL[:-1], "not an access control list of version 2"),
        (b"security.capability", b"\x01\0\0\x01" + bytes(8), "not file capabilities of version 2 or 3"),
        (b"security.capability", b"\x01\0\0\x02" + bytes(20), "not file capabilities of version 2 or 3"),
    ],
)
def test_what_cannot_be_kept_is_refused(name: bytes, value: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        encode_xattrs({name: value})


def test_all_attributes_together_have_a_limit() -> None:
    with pytest.raises(ValueError, match="bytes together; the most are 262136"):
        encode_xattrs({b"user.%d" % number: bytes(60_000) for number in range(5)})
