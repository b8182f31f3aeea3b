"""What entries and whiteouts make of a directory, in both forms; tests/differential compares with tar."""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING

import pytest

from orlop.archive.contract import IdRange, Limits
from orlop.archive.extractor import ExtractStats, extract
from orlop.archive.tar_reader import TarReader
from orlop.errors import FailedPrecondition, InvalidArgument, KernelError
from tar_bytes import directory, file, hard_link, header, pax, symlink
from trees import describe, differences, same_fds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Unpack = Callable[..., ExtractStats]

pytestmark = pytest.mark.needs_root

_OPAQUE = {"trusted.overlay.opaque": b"y"}
_MTIME = 1_600_000_000


@pytest.fixture
def unpack(tmp_path: Path) -> Unpack:
    """Unpacks into tmp_path, and leaves no fd, umask or working directory behind."""

    def run(archive: bytes, form: str = "overlay", **options: object) -> ExtractStats:
        before = os.umask(0o077), os.getcwd()  # noqa: PTH109
        with same_fds():
            fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                return extract(TarReader(io.BytesIO(archive).read), fd, form=form, **options)  # type: ignore[arg-type]
            finally:
                os.close(fd)
                assert (os.umask(before[0]), os.getcwd()) == (0o077, before[1])  # noqa: PTH109

    return run


def _lower(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            (root / name).mkdir(exist_ok=True)
        else:
            (root / name).write_text("lower")


def _names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_modes_do_not_depend_on_the_umask(unpack: Unpack, tmp_path: Path) -> None:
    unpack(file(b"f", mode=0o777) + directory(b"d", mode=0o1777) + header(b"p", b"6", mode=0o666) + file(b"i/f"))
    assert {name: node["mode"] for name, node in describe(tmp_path).items() if name != "."} == {
        "f": "0o777", "d": "0o1777", "p": "0o666", "i": "0o755", "i/f": "0o644",
    }  # fmt: skip


def test_setuid_and_capabilities_outlive_the_change_of_the_owner(unpack: Unpack, tmp_path: Path) -> None:
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    unpack(
        pax((b"SCHILY.xattr.security.capability", capability)) + file(b"f", b"program", mode=0o6755, uid=1000, gid=1000)
    )
    node = describe(tmp_path)["f"]
    assert (node["mode"], node["owner"]) == ("0o6755", (1000, 1000))
    assert node["xattrs"] == {"security.capability": capability}


def test_a_default_acl_above_does_not_change_modes(unpack: Unpack, tmp_path: Path) -> None:
    acl = bytes.fromhex("0200000001000700ffffffff04000000ffffffff20000000ffffffff")
    os.setxattr(tmp_path, "system.posix_acl_default", acl)
    unpack(file(b"f", mode=0o664) + directory(b"d", mode=0o775))
    assert (describe(tmp_path)["f"]["mode"], describe(tmp_path)["d"]["mode"]) == ("0o664", "0o775")


def test_times_of_directories_are_those_of_their_entries(unpack: Unpack, tmp_path: Path) -> None:
    """Whatever is put into them later, also when the archive comes back to them."""
    archive = b"".join([
        directory(b"./", mtime=1), directory(b"a", mtime=2), directory(b"a/b", mtime=3), file(b"a/b/f"),
        directory(b"c", mtime=4), file(b"a/b/g"), hard_link(b"a/h", b"a/b/f"), file(b"a/.wh.x"),
        directory(b"a/b/n", mtime=5),
    ])  # fmt: skip
    unpack(archive)
    times = {name: node["mtime_ns"] for name, node in describe(tmp_path).items() if node["type"] == "d"}
    assert times == {".": 10**9, "a": 2 * 10**9, "a/b": 3 * 10**9, "c": 4 * 10**9, "a/b/n": 5 * 10**9}


def test_times_of_directories_without_an_entry_stay(unpack: Unpack, tmp_path: Path) -> None:
    _lower(tmp_path, "a/b/")
    for path in (tmp_path / "a" / "b", tmp_path / "a", tmp_path):
        os.utime(path, ns=(5, 5))
    unpack(file(b"a/b/f") + file(b"a/b/.wh.f2") + file(b"g"), "applied")
    assert [(tmp_path / path).stat().st_mtime_ns for path in (".", "a", "a/b")] == [5, 5, 5]


def test_the_roots_own_entry(unpack: Unpack, tmp_path: Path) -> None:
    unpack(pax((b"SCHILY.xattr.user.a", b"b")) + directory(b"./", mode=0o711, uid=3, gid=4, mtime=5) + file(b"f"))
    root = describe(tmp_path)["."]
    assert root == {"type": "d", "mode": "0o711", "owner": (3, 4), "xattrs": {"user.a": b"b"}, "mtime_ns": 5 * 10**9}


def test_ids_are_mapped_also_of_directories_without_an_entry(unpack: Unpack, tmp_path: Path) -> None:
    ranges = [IdRange(0, 100_000, 1000)]
    unpack(file(b"d/f", uid=7, gid=8) + symlink(b"l", b"x"), uid_map=ranges, gid_map=ranges)
    assert {name: node["owner"] for name, node in describe(tmp_path).items() if name != "."} == {
        "d": (100_000, 100_000), "d/f": (100_007, 100_008), "l": (100_000, 100_000),
    }  # fmt: skip


def test_directories_without_an_entry_are_told(unpack: Unpack) -> None:
    stats = unpack(file(b"a/b/f") + directory(b"a/b") + file(b"c/d/f") + symlink(b"l", b"c/e") + file(b"l/f"))
    assert stats.implied == [b"", b"a", b"c", b"c/d", b"c/e"]


def test_hard_links_are_one_file(unpack: Unpack, tmp_path: Path) -> None:
    unpack(
        file(b"d/a", b"x")
        + hard_link(b"b", b"d/a")
        + hard_link(b"d/c", b"b")
        + symlink(b"l", b"b")
        + hard_link(b"m", b"l")
    )
    tree = describe(tmp_path)
    assert tree["d/a"]["links"] == ["b", "d/a", "d/c"]
    assert tree["m"]["target"] == b"b"
    assert tree["m"]["links"] == ["l", "m"]


def test_a_hard_link_twice_is_fine(unpack: Unpack, tmp_path: Path) -> None:
    unpack(file(b"a", b"x") + hard_link(b"b", b"a") + hard_link(b"b", b"a") + hard_link(b"a", b"b"))
    assert describe(tmp_path)["a"]["links"] == ["a", "b"]


def test_holes_stay_holes(unpack: Unpack, tmp_path: Path) -> None:
    records = ((b"GNU.sparse.size", b"%d" % (64 << 20)), (b"GNU.sparse.map", b"%d,3" % (32 << 20)))
    stats = unpack(pax(*records) + file(b"f", b"mid"))
    assert stats.file_bytes == (tmp_path / "f").stat().st_size == 64 << 20
    assert (tmp_path / "f").stat().st_blocks * 512 < 1 << 20
    with (tmp_path / "f").open("rb") as content:
        content.seek((32 << 20) - 1)
        assert content.read(5) == b"\x00mid\x00"


@pytest.mark.parametrize("form", ["overlay", "applied"])
@pytest.mark.parametrize("old", ["file", "dir", "link", "fifo"])
@pytest.mark.parametrize("new", ["file", "dir", "link", "fifo", "hard link"])
def test_everything_replaces_everything(old: str, new: str, form: str, unpack: Unpack, tmp_path: Path) -> None:
    made = {
        "file": file(b"x", b"content"),
        "dir": directory(b"x") + file(b"x/inner"),
        "link": symlink(b"x", b"other"),
        "fifo": header(b"x", b"6"),
        "hard link": hard_link(b"x", b"other/f"),
    }
    unpack(directory(b"other") + file(b"other/f") + made[old] + made[new], form)
    node = describe(tmp_path)["x"]
    assert node["type"] == {"file": "-", "dir": "d", "link": "l", "fifo": "p", "hard link": "-"}[new]
    assert ("x/inner" in _names(tmp_path)) == (new == "dir")
    assert _names(tmp_path / "other") == ["f"]


def test_a_directory_on_a_directory_takes_its_attributes_and_keeps_its_entries(unpack: Unpack, tmp_path: Path) -> None:
    _lower(tmp_path, "d/kept")
    unpack(directory(b"d", mode=0o700, uid=5), "applied")
    assert (describe(tmp_path)["d"]["mode"], describe(tmp_path)["d"]["owner"]) == ("0o700", (5, 0))
    assert _names(tmp_path) == ["d", "d/kept"]


def test_a_file_behind_a_link_of_a_lower_layer_goes_where_it_leads(unpack: Unpack, tmp_path: Path) -> None:
    """Merged /usr: `bin` is a link below, and a layer built elsewhere has bin/foo."""
    _lower(tmp_path, "usr/bin/")
    (tmp_path / "bin").symlink_to("usr/bin")
    unpack(file(b"bin/foo"), "applied")
    assert _names(tmp_path) == ["bin", "usr", "usr/bin", "usr/bin/foo"]
    assert (tmp_path / "bin").is_symlink()


def test_a_directory_on_a_link_of_a_lower_layer_replaces_it(unpack: Unpack, tmp_path: Path) -> None:
    _lower(tmp_path, "usr/bin/sh")
    (tmp_path / "bin").symlink_to("usr/bin")
    unpack(directory(b"bin") + file(b"bin/foo"), "applied")
    assert _names(tmp_path) == ["bin", "bin/foo", "usr", "usr/bin", "usr/bin/sh"]


# Whiteouts as overlayfs wants them.


def test_a_whiteout_becomes_a_device(unpack: Unpack, tmp_path: Path) -> None:
    stats = unpack(file(b"d/.wh.gone") + file(b".wh.other"))
    tree = describe(tmp_path)
    assert [tree[name]["device"] for name in ("d/gone", "other")] == [(0, 0), (0, 0)]
    assert stats.whiteouts == 2


@pytest.mark.parametrize(("user_xattr", "name"), [(False, "trusted.overlay.opaque"), (True, "user.overlay.opaque")])
def test_an_opaque_directory_has_the_attribute(user_xattr: bool, name: str, unpack: Unpack, tmp_path: Path) -> None:
    unpack(file(b"d/.wh..wh..opq") + directory(b"d", mode=0o700) + file(b"d/f"), user_xattr=user_xattr)
    assert describe(tmp_path)["d"]["xattrs"] == {name: b"y"}
    assert describe(tmp_path)["d"]["mode"] == "0o700"


@pytest.mark.parametrize("form", ["overlay", "applied"])
def test_a_whiteout_beneath_a_file_has_nothing_to_hide(form: str, unpack: Unpack, tmp_path: Path) -> None:
    unpack(file(b"a", b"x") + file(b"a/.wh.b") + file(b"a/b/.wh..wh..opq"), form)
    assert (tmp_path / "a").read_bytes() == b"x"


def test_a_file_and_its_whiteout_in_one_layer_are_the_file(unpack: Unpack, tmp_path: Path) -> None:
    unpack(file(b".wh.a") + file(b"a", b"x") + file(b"b", b"x") + file(b".wh.b"))
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"x", b"x"]


def test_a_directory_and_its_whiteout_in_one_layer_are_an_opaque_directory(unpack: Unpack, tmp_path: Path) -> None:
    unpack(file(b".wh.a") + directory(b"a") + file(b"a/f") + directory(b"b") + file(b"b/f") + file(b".wh.b"))
    tree = describe(tmp_path)
    assert (tree["a"]["xattrs"], tree["b"]["xattrs"]) == (_OPAQUE, _OPAQUE)
    assert _names(tmp_path) == ["a", "a/f", "b", "b/f"]


# Whiteouts on top of other files.


def test_a_whiteout_deletes_what_is_below(unpack: Unpack, tmp_path: Path) -> None:
    _lower(tmp_path, "d/file", "d/tree/a/b", "kept")
    unpack(file(b"d/.wh.file") + file(b"d/.wh.tree") + file(b"d/.wh.missing"), "applied")
    assert _names(tmp_path) == ["d", "kept"]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_whiteout_leaves_what_its_layer_has(is_first: bool, unpack: Unpack, tmp_path: Path) -> None:
    _lower(tmp_path, "d/lower", "d/sub/lower", "d/other/lower", "f", "x/lower")
    whiteouts = file(b".wh.d") + file(b".wh.f") + file(b"x/.wh..wh..opq")
    entries = file(b"d/sub/new", b"x") + directory(b"d/empty") + file(b"f", b"x") + file(b"x/y/new", b"x")
    unpack(whiteouts + entries if is_first else entries + whiteouts, "applied")
    assert _names(tmp_path) == ["d", "d/empty", "d/sub", "d/sub/new", "f", "x", "x/y", "x/y/new"]
    assert (tmp_path / "f").read_bytes() == b"x"


def test_an_opaque_root_leaves_the_layer_alone(unpack: Unpack, tmp_path: Path) -> None:
    _lower(tmp_path, "a/b", "c")
    unpack(file(b"n") + file(b".wh..wh..opq") + file(b"a/m"), "applied")
    assert _names(tmp_path) == ["a", "a/m", "n"]


def test_both_forms_are_one_tree(unpack: Unpack, tmp_path: Path) -> None:
    """Without anything below, but for the marks."""
    archive = (
        directory(b"d") + file(b"d/f", b"x") + symlink(b"l", b"d") + file(b"l/g", b"y") + hard_link(b"d/h", b"l/f")
    )
    archive += file(b"d/.wh.f") + file(b".wh.l")
    unpack(archive)
    overlay = describe(tmp_path, times=False)
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.unlink() if path.is_symlink() or path.is_file() else path.rmdir()
    unpack(archive, "applied")
    assert differences(overlay, describe(tmp_path, times=False)) == []


# Errors.


def test_an_unknown_form_is_refused(unpack: Unpack) -> None:
    with pytest.raises(InvalidArgument, match='form: "tar-index" is not one that is extracted'):
        unpack(b"", "tar-index")


def test_a_file_system_without_attributes_of_this_kind(unpack: Unpack, tmp_path: Path) -> None:
    """A link and a fifo cannot have `user.` attributes anywhere."""
    attribute = pax((b"SCHILY.xattr.user.a", b"b"))
    stats = unpack(attribute + symlink(b"l", b"x") + attribute + header(b"p", b"6") + attribute + file(b"f"))
    assert stats.dropped_xattrs == {b"user.a": 2}
    assert describe(tmp_path)["f"]["xattrs"] == {"user.a": b"b"}


def test_what_the_kernel_refuses_is_told_with_the_entry(unpack: Unpack, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, _data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(KernelError) as caught:
        unpack(file(b"a") + file(b"d/f", b"data"))
    assert str(caught.value) == (
        'cannot unpack: entry 2 ("d/f", a file): ENOSPC (No space left on device); '
        "the disk is full, or a limit of the host is reached"
    )
    assert caught.value.errno == errno.ENOSPC


def test_a_write_that_takes_less_goes_on(unpack: Unpack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, pwrite = os.write, os.pwrite
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:3], at))
    sparse = pax((b"GNU.sparse.size", b"20"), (b"GNU.sparse.map", b"10,10")) + file(b"s", b"0123456789")
    unpack(file(b"f", b"0123456789" * 9) + sparse)
    assert (tmp_path / "f").read_bytes() == b"0123456789" * 9
    assert (tmp_path / "s").read_bytes() == bytes(10) + b"0123456789"


def test_what_came_before_a_refused_entry_has_its_times(unpack: Unpack, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r'layer: entry 3 \("d/\.\./x"\)'):
        unpack(directory(b"d", mtime=_MTIME) + file(b"d/f") + file(b"d/../x"))
    assert (tmp_path / "d").stat().st_mtime_ns == _MTIME * 10**9


def test_limits_of_directories_without_entry_may_be_given_apart(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(InvalidArgument, match="too many directories have no entry of their own"):
            extract(TarReader(io.BytesIO(file(b"a/b/c/d")).read), fd, form="overlay", limits=Limits(entries=2))
    finally:
        os.close(fd)


def test_a_tree_that_is_moved_while_it_is_removed_is_an_error(
    unpack: Unpack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lower(tmp_path, "d/a/b/")
    samestat = os.path.samestat
    monkeypatch.setattr(os.path, "samestat", lambda one, other: samestat(one, other) and False)
    with pytest.raises(FailedPrecondition, match='cannot remove "d": its directories were moved meanwhile'):
        unpack(file(b".wh.d"), "applied")


def test_directories_that_had_no_entry_at_first_are_told(unpack: Unpack) -> None:
    stats = unpack(file(b"a/f") + directory(b"a") + file(b"b/c/f") + file(b"b") + directory(b"d") + file(b"d/f"))
    assert (stats.implied, sorted(stats.passed)) == ([b""], [b"a", b"b", b"b/c"])
    assert unpack(file(b"x/f") + directory(b"x"), "applied").passed == []


def test_directories_with_deletions_are_told(unpack: Unpack) -> None:
    stats = unpack(file(b".wh.x") + file(b"a/.wh.x") + file(b"a/.wh.y") + directory(b"o") + file(b"o/.wh..wh..opq"))
    assert sorted(stats.deleting) == [b"", b"a"]
    assert unpack(file(b"b/.wh.x"), "applied").deleting == []


@pytest.mark.parametrize("target", [b"d/missing", b"no/directory", b"f/below-a-file"])
def test_a_hard_link_to_what_a_layer_below_may_have_needs_the_parent(
    unpack: Unpack, tmp_path: Path, target: bytes
) -> None:
    archive = directory(b"d") + file(b"f", b"x") + hard_link(b"l", target) + file(b"g")
    with pytest.raises(InvalidArgument, match=r"does not exist|is no directory"):
        unpack(archive)
    assert unpack(archive, has_parent=True).needs_parent
    assert not (tmp_path / "l").exists()
    assert (tmp_path / "g").exists()
    with pytest.raises(InvalidArgument, match=r"does not exist|is no directory"):
        unpack(archive, "applied", has_parent=True)
    assert not unpack(file(b"f") + hard_link(b"h", b"f"), has_parent=True).needs_parent
