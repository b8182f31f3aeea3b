"""Good archives, made by GNU tar, bsdtar and Python in every format, are unpacked by us as GNU tar unpacks them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from orlop.archive.extractor import extract
from orlop.archive.tar_reader import TarReader
from trees import describe, differences

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_peer("tar")]

_ACL = bytes.fromhex("0200000001000600ffffffff020004000f27000004000400ffffffff10000600ffffffff20000400ffffffff")
_CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_raw=ep
_NS = 1_600_000_000_123_456_789


def _plain_tree(root: Path) -> None:
    """What every format can hold: names below 100 bytes, no attributes."""
    (root / "dir" / "empty").mkdir(parents=True)
    (root / "dir" / "file").write_bytes(b"content")
    (root / "dir" / "nothing").touch()
    (root / "dir" / "large").write_bytes(bytes(range(256)) * 4096 + b"odd")
    (root / "dir" / "setuid").write_bytes(b"program")
    os.chown(root / "dir" / "setuid", 1000, 1001)
    (root / "dir" / "setuid").chmod(0o6755)
    (root / "dir" / "closed").write_bytes(b"x")
    (root / "dir" / "closed").chmod(0)
    (root / "dir" / "second").hardlink_to(root / "dir" / "file")
    (root / "link").symlink_to("dir/file")
    (root / "dangling").symlink_to("/no/where")
    os.lchown(root / "dangling", 7, 8)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    (root / "setgid").mkdir()
    os.chown(root / "setgid", 0, 50)
    (root / "setgid").chmod(0o2775)
    (root / "setgid" / "file").write_bytes(b"x")


def _devices(root: Path) -> None:
    os.mkfifo(root / "fifo", 0o640)
    os.mknod(root / "null", 0o666 | 0o020000, os.makedev(1, 3))
    os.mknod(root / "disk", 0o660 | 0o060000, os.makedev(259, 70000 % 256))
    os.chown(root / "disk", 0, 6)


def _long_names(root: Path) -> None:
    deep = root / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)
    (deep / ("f" * 200)).write_bytes(b"deep")
    (root / "long-link").symlink_to("t" * 150)
    (root / "long-hard-link").hardlink_to(deep / ("f" * 200))
    (root / "café \n \t name").write_bytes(b"text")
    (root / os.fsdecode(b"latin-\xe9")).write_bytes(b"text")


def _attributes(root: Path) -> None:
    os.setxattr(root / "dir" / "file", "user.one", b"value\x00\n=binary\xff")
    os.setxattr(root / "dir" / "empty", "user.two", b"")
    os.setxattr(root / "dir" / "setuid", "security.capability", _CAPABILITY)


def _sparse(root: Path) -> None:
    for name, ranges, size in (
        ("holes", [(0, 4096), (1 << 20, 8192), (3 << 20, 4096)], 4 << 20),
        ("many-holes", [(n << 16, 4096) for n in range(60)], 60 << 16),
        ("only-a-hole", [], 1 << 20),
        ("hole-first", [(1 << 20, 5000)], (1 << 20) + 5000),
    ):
        with (root / name).open("wb") as file:
            for offset, length in ranges:
                file.seek(offset)
                file.write(b"d" * length)
            file.truncate(size)


def _set_times(root: Path) -> None:
    """Different times everywhere, to the nanosecond and before 1970 too; directories last."""
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        time_ns = _NS + number * 1_000_000_007 if number % 7 else -86_400_000_000_000 * 365 + number
        os.utime(path, ns=(time_ns, time_ns), follow_symlinks=False)
    os.utime(root, ns=(_NS, _NS))


def _source(path: Path, *parts: object) -> Path:
    path.mkdir()
    for part in parts:
        part(path)  # type: ignore[operator]
    _set_times(path)
    return path


def _by_tar(archive: Path, into: Path) -> Path:
    into.mkdir()
    options = ["--numeric-owner", "--same-owner", "--xattrs", "--xattrs-include=*", "--delay-directory-restore"]
    subprocess.run(["tar", "-xpf", archive, "-C", into, *options], check=True, capture_output=True)
    return into


def _by_us(archive: Path, into: Path, form: str) -> Path:
    into.mkdir()
    fd = os.open(into, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with archive.open("rb", buffering=0) as source:
            reader = TarReader(source.read)
            stats = extract(reader, fd, form=form)
            assert reader.raw_bytes == archive.stat().st_size, "what follows the archive's end was not read"
            assert stats.dropped_xattrs == {}
    finally:
        os.close(fd)
    return into


def _compare(archive: Path, directory: Path) -> None:
    theirs = describe(_by_tar(archive, directory / "theirs"), holes=True)
    for form in ("overlay", "applied"):
        ours = describe(_by_us(archive, directory / form, form), holes=True)
        assert differences(theirs, ours) == []
    assert len(theirs) > 10


@pytest.mark.parametrize("name", ["v7", "oldgnu", "gnu", "ustar", "pax", "posix"])
def test_formats_of_gnu_tar(name: str, tmp_path: Path) -> None:
    parts = [_plain_tree]
    if name != "v7":
        parts.append(_devices)
    if name in ("oldgnu", "gnu", "pax", "posix"):
        parts.append(_long_names)
    if name in ("pax", "posix"):
        parts.append(_attributes)
    source, archive = _source(tmp_path / "source", *parts), tmp_path / "archive.tar"
    options = ["--xattrs", "--xattrs-include=*"] if _attributes in parts else []
    command = ["tar", f"--format={name}", "--numeric-owner", *options, "-cf", str(archive), "-C", str(source), "."]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode:  # v7 and ustar have no times before 1970
        assert "out of" in made.stderr, made.stderr
        _without_old_times(source)
        subprocess.run(command, check=True, capture_output=True)
    _compare(archive, tmp_path)


def _without_old_times(root: Path) -> None:
    for path in sorted([root, *root.rglob("*")], reverse=True):
        if path.lstat().st_mtime_ns < 0:
            os.utime(path, ns=(_NS, _NS), follow_symlinks=False)


@pytest.mark.parametrize("options", [
    ["--format=gnu"],
    ["--format=oldgnu"],
    ["--format=posix", "--sparse-version=0.0"],
    ["--format=posix", "--sparse-version=0.1"],
    ["--format=posix", "--sparse-version=1.0"],
], ids=" ".join)  # fmt: skip
def test_sparse_files_of_gnu_tar(options: list[str], tmp_path: Path) -> None:
    source, archive = (
        _source(tmp_path / "source", _plain_tree, _sparse, _sparse_with_a_long_name),
        tmp_path / "archive.tar",
    )
    subprocess.run(["tar", "--sparse", *options, "-cf", archive, "-C", source, "."], check=True)
    assert archive.stat().st_size < 4 << 20, "the holes stand in the archive"
    _compare(archive, tmp_path)


def _sparse_with_a_long_name(root: Path) -> None:
    path = root / ("d" * 100) / ("s" * 150)
    path.parent.mkdir()
    path.write_bytes(bytes(1 << 20) + b"end")
    with path.open("r+b") as file:
        file.truncate(0)
        file.seek(1 << 20)
        file.write(b"end")


@pytest.mark.parametrize(
    "form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["ustar", "gnu", "pax"]
)
def test_formats_of_python(form: int, tmp_path: Path) -> None:
    parts = [_plain_tree, _devices] + ([] if form == tarfile.USTAR_FORMAT else [_long_names])
    source, archive = _source(tmp_path / "source", *parts), tmp_path / "archive.tar"
    if form == tarfile.USTAR_FORMAT:
        _without_old_times(source)
    with tarfile.open(archive, "w", format=form) as tar:
        tar.add(source, ".")
    _compare(archive, tmp_path)


@pytest.mark.needs_peer("bsdtar")
@pytest.mark.parametrize("form", ["ustar", "gnutar", "pax"])
def test_formats_of_bsdtar(form: str, tmp_path: Path) -> None:
    parts = (
        [_plain_tree, _devices]
        + ([] if form == "ustar" else [_long_names])
        + ([_attributes, _sparse] if form == "pax" else [])
    )
    source, archive = _source(tmp_path / "source", *parts), tmp_path / "archive.tar"
    if form == "ustar":
        _without_old_times(source)
    subprocess.run(["bsdtar", "--format", form, "-cf", archive, "-C", source, "."], check=True)
    _compare(archive, tmp_path)


def test_access_control_lists_as_runtimes_write_them(tmp_path: Path) -> None:
    """GNU tar writes them as text, which runtimes do not read; as extended attributes they are restored."""
    source = _source(tmp_path / "source", _plain_tree)
    os.setxattr(source / "dir" / "file", "system.posix_acl_access", _ACL)
    default = _ACL.replace(bytes.fromhex("020004000f270000"), bytes.fromhex("02000700e7030000"))
    os.setxattr(source / "setgid", "system.posix_acl_default", default)
    _set_times(source)
    archive = tmp_path / "archive.tar"
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in [source, *sorted(source.rglob("*"))]:
            member = tar.gettarinfo(path, str(path.relative_to(source)))
            for name in os.listxattr(path, follow_symlinks=False):
                value = os.getxattr(path, name).decode("utf-8", "surrogateescape")
                member.pax_headers = {**member.pax_headers, "SCHILY.xattr." + name: value}
            member.mtime = path.lstat().st_mtime_ns // 1_000_000_000
            with path.open("rb") if member.isreg() else open(os.devnull, "rb") as file:  # noqa: PTH123
                tar.addfile(member, file)
    ours = describe(_by_us(archive, tmp_path / "ours", "overlay"), times=False)
    # A file made in a directory with a default list inherits it, for tar and for us, though it has none of its own.
    theirs = describe(source, times=False)
    assert ours["dir/file"] == theirs["dir/file"]
    assert ours["setgid"] == theirs["setgid"]
    assert ours["setgid/file"]["mode"] == theirs["setgid/file"]["mode"]


@pytest.mark.parametrize("blocks", [0, 1, 2, 20])
def test_ends_of_archives(blocks: int, tmp_path: Path) -> None:
    """No block of zeros at all, one, two, and padding behind them: Go's reader takes them all."""
    source, archive = _source(tmp_path / "source", _plain_tree), tmp_path / "archive.tar"
    subprocess.run(["tar", "--format=gnu", "-b1", "-cf", archive, "-C", source, "."], check=True)
    content = archive.read_bytes().rstrip(b"\x00")
    content += bytes(-len(content) % 512)
    archive.write_bytes(content + bytes(512 * blocks))
    ours = describe(_by_us(archive, tmp_path / "ours", "overlay"))
    assert differences(describe(_by_tar(archive, tmp_path / "theirs")), ours) == []


def test_an_archive_unpacked_on_itself_changes_nothing(tmp_path: Path) -> None:
    source, archive = _source(tmp_path / "source", _plain_tree, _devices, _long_names), tmp_path / "archive.tar"
    subprocess.run(["tar", "--format=posix", "-cf", archive, "-C", source, "."], check=True)
    once = describe(_by_us(archive, tmp_path / "ours", "applied"))
    (tmp_path / "again").mkdir()
    shutil.copy(archive, tmp_path / "again" / "archive.tar")
    fd = os.open(tmp_path / "ours", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for form in ("applied", "overlay"):
            with archive.open("rb", buffering=0) as file:
                extract(TarReader(file.read), fd, form=form)
            assert differences(once, describe(tmp_path / "ours")) == []
    finally:
        os.close(fd)
