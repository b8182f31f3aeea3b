"""Archives that a hostile registry could send: what each does, and the reason for which it is refused.

Those that are not refused, because images with such entries are real, are in `neutralised.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.archive.contract import IdRange
from tar_bytes import (
    END,
    GNU,
    V7,
    base256,
    directory,
    file,
    hard_link,
    header,
    long_name,
    octal,
    old_sparse,
    padded,
    pax,
    record,
    sparse_block,
    symlink,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = {"entries": 200, "total_bytes": 1 << 30, "raw_bytes": 8 << 20, "depth": 100, "sparse_segments": 64}


@dataclass(frozen=True)
class Hostile:
    """`build` takes the path of the sentinel tree outside of the root; `reason` is what the refusal says."""

    name: str
    reason: str
    build: Callable[[bytes], bytes]
    options: dict[str, object] = field(default_factory=dict)  # of extract()
    forms: tuple[str, ...] = ("overlay", "applied")


def _raw(kind: bytes, data: bytes) -> bytes:
    return header(b"x", kind, len(data)) + padded(data)


def _traversals() -> list[Hostile]:
    dots, missing = r'has a "\.\." part', "does not exist"
    return [
        Hostile("parent", dots, lambda _: file(b"../evil")),
        Hostile("parent_later", dots, lambda _: file(b"a/b/../../../evil")),
        Hostile("parent_at_the_end", dots, lambda _: directory(b"a/..")),
        Hostile("parent_that_stays_inside", dots, lambda _: file(b"a/../evil")),
        Hostile("parent_behind_a_slash", dots, lambda _: file(b"/../evil")),
        Hostile("parent_behind_a_control_character", dots, lambda _: file(b"a\x01b/../../evil")),
        Hostile("parent_behind_a_character_without_shape", dots, lambda _: file("a\u202eb/../../evil".encode())),
        Hostile("parent_by_pax", dots, lambda _: pax((b"path", b"../evil")) + file(b"good")),
        Hostile("parent_by_long_name", dots, lambda _: long_name(b"../evil") + file(b"good", magic=GNU)),
        Hostile("parent_by_prefix", dots, lambda _: file(b"evil", prefix=b"../..")),
        Hostile("parent_by_sparse_name", dots, lambda _: _sparse_1(b"0\n", 0, name=b"../evil")),
        Hostile("parent_as_a_whiteout", dots, lambda _: file(b"../.wh.outside")),
        Hostile("parent_as_an_opaque_mark", dots, lambda _: file(b"../outside/.wh..wh..opq")),
        Hostile("hard_link_to_parent", dots, lambda _: hard_link(b"a", b"../outside/secret")),
        Hostile("hard_link_by_pax", dots, lambda _: pax((b"linkpath", b"../outside/secret")) + hard_link(b"a", b"b")),
        Hostile(
            "hard_link_by_long_link", dots, lambda _: long_name(b"../outside/secret", b"K") + hard_link(b"a", b"b")
        ),
        Hostile("hard_link_to_absolute", missing, lambda outside: hard_link(b"a", outside + b"/secret")),
        Hostile(
            "hard_link_through_a_link", missing, lambda outside: symlink(b"a", outside) + hard_link(b"b", b"a/secret")
        ),
        Hostile(
            "hard_link_through_a_relative_link",
            missing,
            lambda _: symlink(b"a", b"../outside") + hard_link(b"b", b"a/secret"),
        ),
        Hostile("hard_link_to_a_directory", "is a directory", lambda _: directory(b"a") + hard_link(b"b", b"a")),
        Hostile("hard_link_to_itself", "to itself", lambda _: file(b"a", b"x") + hard_link(b"a", b"a")),
        Hostile("hard_link_to_itself_through_a_link", "to itself", _link_to_itself),
        Hostile("hard_link_before_its_target", missing, lambda _: hard_link(b"a", b"b") + file(b"b")),
        Hostile("hard_link_to_a_whiteout", "is a whiteout", lambda _: file(b".wh.a") + hard_link(b"b", b".wh.a")),
        Hostile(
            "hard_link_to_a_deletion",
            "a deletion",
            lambda _: file(b".wh.a") + hard_link(b"b", b"a"),
            forms=("overlay",),
        ),
        Hostile("hard_link_to_the_root", "the root", lambda _: hard_link(b"a", b"/")),
        Hostile("hard_link_to_nothing", "empty", lambda _: hard_link(b"a", b"")),
        Hostile(
            "hard_link_into_the_directory_it_replaces",
            missing,
            lambda _: directory(b"a") + file(b"a/b") + hard_link(b"a", b"a/b"),
        ),
        Hostile(
            "links_in_a_circle", "too many links", lambda _: symlink(b"a", b"b") + symlink(b"b", b"a") + file(b"a/f")
        ),
        Hostile("a_link_to_itself", "too many links", lambda _: symlink(b"a", b"a") + file(b"a/f")),
        Hostile("links_without_end", "too many links", _many_links),
        Hostile("links_that_double", "too many links", _doubling_links),
        Hostile("a_file_as_parent", "is no directory", lambda _: file(b"a") + file(b"a/b")),
        Hostile("a_fifo_as_parent", "is no directory", lambda _: header(b"a", b"6") + file(b"a/b")),
        Hostile("its_own_way_replaced", "is no directory", _own_way_replaced),
        Hostile("the_root_as_a_file", "the root cannot be", lambda _: file(b".")),
        Hostile("the_root_as_a_link", "the root cannot be", lambda _: symlink(b"./", b"/")),
        Hostile("the_root_as_a_hard_link", "the root cannot be", lambda _: hard_link(b"/", b"a")),
        Hostile("no_name", "it is empty", lambda _: file(b"")),
        Hostile("a_link_to_nothing", "target of a symbolic link", lambda _: symlink(b"a", b"")),
    ]


def _link_to_itself(_: bytes) -> bytes:
    return directory(b"a") + file(b"a/f", b"x") + symlink(b"l", b"a") + hard_link(b"a/f", b"l/f")


def _many_links(_: bytes) -> bytes:
    return b"".join(symlink(b"%d" % n, b"%d" % (n + 1)) for n in range(60)) + directory(b"60") + file(b"0/f")


def _doubling_links(_: bytes) -> bytes:
    return (
        symlink(b"0", b".")
        + b"".join(symlink(b"%d" % n, b"%d/%d" % (n - 1, n - 1)) for n in range(1, 30))
        + file(b"29/f")
    )


def _own_way_replaced(_: bytes) -> bytes:
    return directory(b"a") + directory(b"a/b") + symlink(b"a/b/k", b"/") + file(b"a/b/k/a") + file(b"a/b/f")


def _sparse_1(text: bytes, realsize: int, data: bytes = b"", *, name: bytes = b"sparse", kind: bytes = b"0") -> bytes:
    content = padded(text) + data
    records = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", name)]
    records.append((b"GNU.sparse.realsize", b"%d" % realsize))
    return pax(*records) + header(b"GNUSparseFile.1/sparse", kind, len(content)) + padded(content)


def _sparse_0(records: list[tuple[bytes, bytes]], data: bytes = b"", *, kind: bytes = b"0") -> bytes:
    return pax(*records) + header(b"sparse", kind, len(data)) + padded(data)


def _bombs() -> list[Hostile]:
    long_names = b"/".join([b"n" * 250] * 17)
    many = b"".join(record(b"k%d" % n, b"") for n in range(5000))
    big_xattrs = b"".join(record(b"SCHILY.xattr.user.%d" % n, b"v" * 8000) for n in range(9))
    return [
        Hostile("too_many_entries", "entries: more than the limit of 200", lambda _: file(b"a") * 201),
        Hostile("too_many_comments", "entries: more than", lambda _: pax((b"comment", b"x"), kind=b"g") * 201),
        Hostile("too_many_directories_without_entry", "no entry of their own", _implied_directories),
        Hostile("too_much_in_one_file", "over the limit of", lambda _: header(b"a", b"0", 2 << 30)),
        Hostile("too_much_by_pax", "over the limit of", lambda _: pax((b"size", b"9" * 18)) + file(b"a")),
        Hostile("too_much_by_base256", "over the limit of", lambda _: header(b"a", b"0", base256(1 << 62, 12))),
        Hostile("a_large_hole", "over the limit of", lambda _: _sparse_1(b"0\n", 1 << 40)),
        Hostile("a_large_hole_of_old_format", "over the limit of", lambda _: old_sparse(b"a", 2 << 30, [], b"")),
        Hostile(
            "many_holes_that_add_up",
            "over the limit of",
            lambda _: b"".join(old_sparse(b"%d" % n, 1 << 29, [], b"") for n in range(3)),
        ),
        Hostile(
            "a_long_tail", "longer than the limit|more than [0-9]+ bytes", lambda _: file(b"a") + END + bytes(9 << 20)
        ),
        Hostile("a_long_file_name", "a name of 256 bytes", lambda _: long_name(b"n" * 256) + file(b"n", magic=GNU)),
        Hostile("a_long_path", "path: 4266 bytes", lambda _: pax((b"path", long_names)) + file(b"a")),
        Hostile("a_long_gnu_name", "an extension header of", lambda _: long_name(b"n/" * (1 << 19)) + file(b"a")),
        Hostile("a_deep_path", "101 parts are over", lambda _: pax((b"path", b"/".join([b"d"] * 101))) + file(b"a")),
        Hostile(
            "a_long_link_target",
            "target of a symbolic link",
            lambda _: pax((b"linkpath", b"t" * 5000)) + symlink(b"a", b"t"),
        ),
        Hostile("a_large_pax_header", "an extension header of", lambda _: header(b"x", b"x", 2 << 20) + bytes(2 << 20)),
        Hostile("a_huge_pax_header", "an extension header of", lambda _: header(b"x", b"x", base256(1 << 60, 12))),
        Hostile("a_large_global_header", "an extension header of", lambda _: header(b"g", b"g", 2 << 20)),
        Hostile("many_pax_records", "more records than", lambda _: _raw(b"x", many) + file(b"a")),
        Hostile("large_xattrs", "more than the limit of 65536 bytes", lambda _: _raw(b"x", big_xattrs) + file(b"a")),
        Hostile("many_segments", "over the limit of 64", lambda _: _sparse_1(b"1000000000\n", 1 << 20)),
        Hostile(
            "many_segments_of_0_1",
            "more segments than",
            lambda _: _sparse_0([(b"GNU.sparse.size", b"1"), (b"GNU.sparse.map", b"0,0," * 65 + b"0,0")]),
        ),
        Hostile("many_segments_of_0_0", "more segments than", _sparse_0_0_bomb),
        Hostile("many_segments_of_old_format", "more segments than", _old_sparse_bomb),
        Hostile(
            "an_empty_map_that_goes_on",
            "empty block",
            lambda _: old_sparse(b"a", 1 << 20, [(0, 1)] * 4, b"", extended=sparse_block([], goes_on=True) * 9),
        ),
        Hostile(
            "a_number_of_a_kilobyte",
            "numbers that are too long",
            lambda _: _sparse_1(b"1\n" + b"1" * 5000 + b"\n1\n", 1),
        ),
    ]


def _implied_directories(_: bytes) -> bytes:
    return b"".join(file(b"/".join([b"%d" % n] * 40)) for n in range(9))


def _sparse_0_0_bomb(_: bytes) -> bytes:
    pairs = [(b"GNU.sparse.offset", b"0"), (b"GNU.sparse.numbytes", b"0")] * 65
    return _sparse_0([(b"GNU.sparse.size", b"1"), (b"GNU.sparse.numblocks", b"65"), *pairs])


def _old_sparse_bomb(_: bytes) -> bytes:
    block = sparse_block([(0, 0)] * 21, goes_on=True)
    return old_sparse(b"a", 1 << 20, [(0, 0)] * 4, b"", extended=block * 1000)


def _damage() -> list[Hostile]:
    good = file(b"good", b"data")
    cut = "ends within"
    return [
        Hostile("cut_in_a_header", cut, lambda _: good + good[:300]),
        Hostile("cut_in_data", cut, lambda _: file(b"a", bytes(4000))[:2000]),
        Hostile("cut_in_a_pax_header", cut, lambda _: pax((b"path", b"p" * 900))[:700]),
        Hostile("cut_in_a_long_name", cut, lambda _: long_name(b"n" * 900)[:700]),
        Hostile("cut_in_a_sparse_map", cut, lambda _: old_sparse(b"a", 9, [(0, 1)] * 4, b"", extended=b"x")[:512]),
        Hostile("cut_in_a_sparse_map_of_1_0", cut, lambda _: _sparse_1(b"9\n", 9)[:-512]),
        Hostile("cut_behind_a_pax_header", "behind an extension header", lambda _: pax((b"path", b"a"))),
        Hostile("ended_behind_a_long_name", "behind an extension header", lambda _: long_name(b"a") + END),
        Hostile("more_data_promised", cut, lambda _: header(b"a", b"0", 1 << 20) + END),
        Hostile("bad_checksum", "checksum: the header says", lambda _: b"b" + good[1:]),
        Hostile("no_checksum", "checksum", lambda _: good[:148] + b"garbage!" + good[156:]),
        Hostile("no_tar_at_all", "checksum", lambda _: bytes(range(256)) * 4),
        Hostile("a_compressed_stream", "checksum|ends within|it is gzip", lambda _: b"\x1f\x8b\x08\x00" + bytes(range(256)) * 3),
        Hostile("zeros_between_entries", "a block of zeros", lambda _: good + bytes(512) + good),
        Hostile("negative_size", "is negative", lambda _: header(b"a", b"0", base256(-1, 12))),
        Hostile("overflowing_size", "more than 63 bits", lambda _: header(b"a", b"0", base256(1 << 80, 12))),
        Hostile("odd_base256", "starts with byte", lambda _: header(b"a", b"0", b"\xc0" + bytes(11))),
        Hostile("negative_octal", "no octal number", lambda _: header(b"a", b"0", b"-0000000001\x00")),
        Hostile("octal_with_underscore", "no octal number", lambda _: header(b"a", b"0", b"0000_000001\x00")),
        Hostile("octal_with_eight", "no octal number", lambda _: header(b"a", b"0", b"00000000008\x00")),
        Hostile("blank_size", "the field is blank", lambda _: header(b"a", b"0", bytes(12))),
        Hostile("negative_size_by_pax", "no decimal number", lambda _: pax((b"size", b"-1")) + file(b"a")),
        Hostile("overflowing_size_by_pax", "no decimal number", lambda _: pax((b"size", b"%d" % (1 << 63))) + file(b"a")),
        Hostile("negative_uid", "is negative", lambda _: file(b"a", uid=base256(-1, 8))),
        Hostile("uid_of_no_change", "out of range", lambda _: file(b"a", uid=base256((1 << 32) - 1, 8))),
        Hostile("uid_that_wraps_to_root", "out of range", lambda _: pax((b"uid", b"%d" % (1 << 32))) + file(b"a")),
        Hostile("gid_that_wraps_to_root", "out of range", lambda _: pax((b"gid", b"%d" % (1 << 32))) + file(b"a")),
        Hostile("uid_with_plus", "no decimal number", lambda _: pax((b"uid", b"+0")) + file(b"a")),
        Hostile("overflowing_mode", "out of range", lambda _: file(b"a", mode=base256(1 << 40, 8))),
        Hostile("no_time_by_pax", "no time in seconds", lambda _: pax((b"mtime", b"nan")) + file(b"a")),
        Hostile(
            "unmapped_uid", "uid: 1000 is not mapped", lambda _: file(b"a", uid=1000), {"uid_map": [IdRange(0, 0, 1000)]}
        ),
        Hostile(
            "unmapped_gid", "gid: 70000 is not mapped", lambda _: symlink(b"b", b"c") + pax((b"gid", b"70000")) + symlink(b"a", b"b"),
            {"gid_map": [IdRange(0, 0, 65536)]},
        ),
    ]  # fmt: skip


def _ambiguities() -> list[Hostile]:
    disagree = "disagree|differ"
    return [
        # CVE-2025-62518: one reader skips what PAX says, the other what the header says, and finds entries in there.
        Hostile("hidden_by_pax_size", "size: PAX says", lambda _: pax((b"size", b"1024")) + header(b"a", b"0", 0) + file(b"evil", b"x")),
        Hostile("hidden_by_header_size", "size: PAX says", lambda _: pax((b"size", b"0")) + file(b"a", file(b"evil"))),
        Hostile("symlink_with_data", disagree, lambda _: header(b"a", b"2", 512, link=b"b") + file(b"evil")),
        Hostile("directory_with_data", disagree, lambda _: header(b"a", b"5", 512) + file(b"evil")),
        Hostile("hard_link_with_data", disagree, lambda _: file(b"b") + header(b"a", b"1", 512, link=b"b") + file(b"evil")),
        Hostile("fifo_with_data", disagree, lambda _: header(b"a", b"6", 512) + file(b"evil")),
        Hostile("file_with_slash", "ends with a slash", lambda _: file(b"a/")),
        Hostile("old_directory_with_data", "ends with a slash", lambda _: header(b"a/", b"\x00", 512, magic=V7) + file(b"evil")),
        Hostile("directory_by_header_only", "file by its long name", lambda _: pax((b"path", b"a")) + header(b"a/", b"\x00")),
        Hostile("two_pax_paths", "there twice", lambda _: pax((b"path", b"a"), (b"path", b"b")) + file(b"c")),
        Hostile("two_pax_sizes", "there twice", lambda _: pax((b"size", b"0"), (b"size", b"512")) + file(b"c")),
        Hostile("two_pax_headers", "second extended header", lambda _: pax((b"path", b"a")) * 2 + file(b"c")),
        Hostile("two_long_names", "a second one", lambda _: long_name(b"a") + long_name(b"b") + file(b"c", magic=GNU)),
        Hostile("two_long_links", "a second one", lambda _: long_name(b"a", b"K") * 2 + symlink(b"c", b"d")),
        Hostile("names_of_gnu_and_pax", disagree, lambda _: long_name(b"a") + pax((b"path", b"b")) + file(b"c")),
        Hostile("text_behind_a_nul", "text behind its NUL", lambda _: long_name(b"a\x00b") + file(b"c", magic=GNU)),
        Hostile("empty_long_name", "an empty one", lambda _: long_name(b"") + file(b"c", magic=GNU)),
        Hostile("nul_in_pax_path", "NUL", lambda _: pax((b"path", b"a\x00b")) + file(b"c")),
        Hostile("nul_in_pax_link", "NUL", lambda _: pax((b"linkpath", b"a\x00b")) + symlink(b"c", b"d")),
        Hostile("empty_pax_path", "value is empty", lambda _: pax((b"path", b"")) + file(b"c")),
        Hostile("global_path", "global record", lambda _: pax((b"path", b"../evil"), kind=b"g") + file(b"a")),
        Hostile("global_size", "global record", lambda _: pax((b"size", b"512"), kind=b"g") + file(b"a")),
        Hostile("global_xattr", "global record", lambda _: pax((b"SCHILY.xattr.user.a", b"b"), kind=b"g") + file(b"a")),
        Hostile("global_between", "a global header between", lambda _: pax((b"path", b"a")) + pax(kind=b"g") + file(b"b")),
        Hostile("record_too_short", "malformed", lambda _: _raw(b"x", b"3 a=b\n") + file(b"a")),
        Hostile("record_too_long", "malformed", lambda _: _raw(b"x", b"99 path=b\n") + file(b"a")),
        Hostile("record_of_no_length", "malformed", lambda _: _raw(b"x", b"path=b\n") + file(b"a")),
        Hostile("record_of_length_zero", "malformed", lambda _: _raw(b"x", b"0 path=b\n") + file(b"a")),
        Hostile("record_without_newline", "malformed", lambda _: _raw(b"x", b"9 path=bb") + file(b"a")),
        Hostile("record_without_equals", "no keyword", lambda _: _raw(b"x", b"9 pathab\n") + file(b"a")),
        Hostile("record_without_keyword", "no keyword", lambda _: _raw(b"x", b"6 =ab\n") + file(b"a")),
        Hostile("record_with_nul_keyword", "no keyword", lambda _: pax((b"path\x00x", b"a")) + file(b"a")),
        Hostile("unknown_charset", "hdrcharset", lambda _: pax((b"hdrcharset", b"EBCDIC")) + file(b"a")),
        Hostile("escaped_xattr", "name is escaped", lambda _: pax((b"SCHILY.xattr.user.a%3Db", b"v")) + file(b"a")),
        Hostile("xattr_without_name", "no name", lambda _: pax((b"SCHILY.xattr.", b"v")) + file(b"a")),
        Hostile("xattr_with_nul", "no name", lambda _: pax((b"LIBARCHIVE.xattr.user.a%00b", b"")) + file(b"a")),
        Hostile("xattr_of_bad_base64", "no base64", lambda _: pax((b"LIBARCHIVE.xattr.user.a", b"!!!")) + file(b"a")),
        Hostile("xattr_twice", "there twice", lambda _: pax((b"LIBARCHIVE.xattr.user.a", b"Yg"), (b"SCHILY.xattr.user.a", b"a")) + file(b"a")),
        Hostile("sparse_of_unknown_version", "sparse: version", lambda _: _sparse_0([(b"GNU.sparse.major", b"2"), (b"GNU.sparse.minor", b"0")])),
        Hostile("sparse_without_map", "sparse: version", lambda _: _sparse_0([(b"GNU.sparse.size", b"9")])),
        Hostile("sparse_without_size", "none or several", lambda _: _sparse_0([(b"GNU.sparse.map", b"0,0")])),
        Hostile("sparse_of_two_sizes", "none or several", lambda _: _sparse_0([(b"GNU.sparse.map", b"0,0"), (b"GNU.sparse.size", b"1"), (b"GNU.sparse.realsize", b"2")])),
        Hostile("sparse_of_two_maps", "two maps", lambda _: _sparse_0([(b"GNU.sparse.map", b"0,0"), (b"GNU.sparse.size", b"1"), (b"GNU.sparse.offset", b"0"), (b"GNU.sparse.numbytes", b"0")])),
        Hostile("sparse_out_of_turn", "take turns", lambda _: _sparse_0([(b"GNU.sparse.size", b"1"), (b"GNU.sparse.offset", b"0"), (b"GNU.sparse.offset", b"0")])),
        Hostile("sparse_of_an_odd_map", "a map of 3 numbers", lambda _: _sparse_0([(b"GNU.sparse.map", b"0,0,1"), (b"GNU.sparse.size", b"1")])),
        Hostile("sparse_of_odd_numbers", "no decimal number", lambda _: _sparse_0([(b"GNU.sparse.map", b"0,-1"), (b"GNU.sparse.size", b"1")])),
        Hostile("sparse_that_overlaps", "overlaps", lambda _: old_sparse(b"a", 100, [(0, 10), (5, 10)], bytes(20))),
        Hostile("sparse_out_of_order", "overlaps", lambda _: old_sparse(b"a", 100, [(50, 10), (5, 10)], bytes(20))),
        Hostile("sparse_beyond_its_size", "overlaps", lambda _: old_sparse(b"a", 10, [(0, 20)], bytes(20))),
        Hostile("sparse_of_more_data", "the entry has", lambda _: old_sparse(b"a", 100, [(0, 10)], bytes(20))),
        Hostile("sparse_of_less_data", "the entry has", lambda _: old_sparse(b"a", 100, [(0, 30)], bytes(20))),
        Hostile("sparse_of_less_data_than_its_map", "the entry has|ends within", lambda _: _sparse_1(b"1\n0\n512\n", 512)),
        Hostile("sparse_of_negative_size", "is negative", lambda _: old_sparse(b"a", 0, [], b"", realsize=base256(-5, 12))),
        Hostile("sparse_without_count", "no count", lambda _: _sparse_1(b"x" * 512, 512)),
        Hostile("sparse_directory", "cannot be sparse", lambda _: _sparse_0([(b"GNU.sparse.map", b""), (b"GNU.sparse.size", b"5")], kind=b"5")),
        Hostile("sparse_of_both_kinds", "old format and PAX", lambda _: _sparse_0([(b"GNU.sparse.map", b"0,0"), (b"GNU.sparse.size", b"1")], kind=b"S")),
        Hostile("sparse_of_star", "star's format", lambda _: header(b"a", b"S", 0)),
        *(
            Hostile(f"type_{kind.decode()}", "is not supported", lambda _, kind=kind: header(b"a", kind))  # type: ignore[misc]
            for kind in (b"D", b"M", b"N", b"V", b"X", b"A", b"8", b"\x7f")
        ),
        *(
            Hostile(f"pax_{keyword.decode()}", "is not supported", lambda _, keyword=keyword: pax((keyword, b"1")) + file(b"a"))  # type: ignore[misc]
            for keyword in (b"GNU.dumpdir", b"GNU.volume.offset", b"SCHILY.realsize", b"SCHILY.filetype", b"SCHILY.devmajor")
        ),
    ]  # fmt: skip


def _forbidden() -> list[Hostile]:
    return [
        Hostile("whiteout_of_nothing", r'whiteout: "\.wh\." names', lambda _: file(b"a/.wh.")),
        Hostile("whiteout_of_the_directory", r'whiteout: "\.wh\.\." names', lambda _: file(b"a/.wh..")),
        Hostile("whiteout_of_the_parent", r'whiteout: "\.wh\.\.\." names', lambda _: file(b"a/.wh...")),
        Hostile("whiteout_as_a_parent", "beneath a whiteout", lambda _: file(b"a/.wh.b/c")),
        Hostile("whiteout_of_nothing_as_a_parent", "beneath a whiteout", lambda _: file(b"a/.wh./c")),
        Hostile("whiteout_beneath_a_whiteout", "beneath a whiteout", lambda _: file(b"a/.wh.b/.wh.c")),
        Hostile("opaque_mark_as_a_parent", "beneath a whiteout", lambda _: file(b"a/.wh..wh..opq/c")),
        Hostile("whiteout_as_a_directory", "whiteout: a directory", lambda _: directory(b"a/.wh.b")),
        Hostile("whiteout_as_a_link", "whiteout: a symbolic link", lambda _: symlink(b"a/.wh.b", b"/")),
        Hostile("whiteout_as_a_device", "whiteout: a character", lambda _: header(b"a/.wh.b", b"3", device=(1, 3))),
        Hostile("whiteout_with_content", "whiteout: a file of 4", lambda _: file(b"a/.wh.b", b"data")),
        Hostile("opaque_mark_as_a_directory", "whiteout: a directory", lambda _: directory(b"a/.wh..wh..opq")),
        Hostile("overlay_mark_as_a_device", "mark of a deletion", lambda _: header(b"a", b"3", device=(0, 0))),
        Hostile("large_device_number", "no device number", lambda _: header(b"a", b"4", device=(4096, 0))),
        Hostile("large_device_minor", "no device number", lambda _: header(b"a", b"3", device=(1, 1 << 20))),
        Hostile("old_device", "no device numbers", lambda _: header(b"a", b"3", magic=V7, device=(1, 3))),
        Hostile("device_where_none_may_be", "not allowed", lambda _: header(b"a", b"4", device=(8, 0)), {"allow_devices": False}),
        Hostile("setuid_device", "with setuid", lambda _: header(b"a", b"4", device=(8, 0), mode=0o4666)),
        Hostile("setgid_fifo", "with setuid", lambda _: header(b"a", b"6", mode=octal(0o2666, 8))),
    ]  # fmt: skip


HOSTILE = [*_traversals(), *_bombs(), *_damage(), *_ambiguities(), *_forbidden()]
