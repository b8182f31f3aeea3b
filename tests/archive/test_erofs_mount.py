"""The kernel shows, of a tar and its index, the tree that extraction makes of it: ours for overlayfs, and GNU tar's."""

from __future__ import annotations

import ctypes
import io
import os
import random
import stat
import subprocess
import tarfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from erofs_entries import DIFF_ID
from orlop.archive.erofs_image import ErofsIndex
from orlop.archive.extractor import extract
from orlop.archive.index_file import DirectoryAttributes, IndexFile
from orlop.archive.tar_reader import TarReader
from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.needs_root

_MOUNT = ctypes.CDLL(None, use_errno=True).mount
_PAGE = 4096


def _index(tar: Path) -> ErofsIndex:
    """The index of a tar, not written."""
    index = ErofsIndex()
    with tar.open("rb") as raw:
        for one in TarReader(raw.read):
            index.add(one)
    return index


def _build(tar: Path) -> Path:
    """The index beside a tar."""
    image = tar.with_suffix(".erofs")
    with tar.open("rb") as raw, image.open("w+b") as output:
        _index(tar).write(output, tar=raw, tar_bytes=tar.stat().st_size, diff_id=DIFF_ID)
    return image


@contextmanager
def _attached(source: str, target: Path, options: str, *, is_file: bool = False) -> Iterator[Path]:
    """A mount of EROFS; from the file itself where `is_file` is true, of which mount(8) would make a loop device."""
    target.mkdir()
    if not is_file:
        subprocess.run(["mount", "-t", "erofs", "-o", options, source, str(target)], check=True)
    elif _MOUNT(source.encode(), bytes(target), b"erofs", 1, options.removeprefix("ro,").encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), source)
    try:
        yield target
    finally:
        subprocess.run(["umount", str(target)], check=True)


@contextmanager
def _loop_device(path: Path) -> Iterator[str]:
    command = ["losetup", "--read-only", "--find", "--show", str(path)]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@contextmanager
def _mounted(tar: Path, target: Path, *, how: str) -> Iterator[Path]:
    """The index of `tar`, mounted from the files themselves, from loop devices, or as one file behind one device."""
    image = _build(tar)
    with ExitStack() as stack:
        if how == "files":
            yield stack.enter_context(_attached(str(image), target, f"ro,device={tar}", is_file=True))
        elif how == "loop devices":
            source, device = (stack.enter_context(_loop_device(path)) for path in (image, tar))
            yield stack.enter_context(_attached(source, target, f"ro,device={device}"))
        else:
            with image.open("ab") as output:
                output.write(tar.read_bytes())
            yield stack.enter_context(_attached(str(image), target, "ro,loop"))


def _data_pages(path: Path) -> list[int]:
    """The pages of a file that are no holes."""
    pages: set[int] = set()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        position = 0
        while position < size:
            try:
                start = os.lseek(file.fileno(), position, os.SEEK_DATA)
            except OSError:  # ENXIO: a hole up to the end
                break
            position = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            pages.update(range(start // _PAGE, -(-position // _PAGE)))
    return sorted(pages)


def _facts(path: Path) -> dict[str, object]:
    """All that is to be the same of one file."""
    found = path.lstat()
    names = os.listxattr(path, follow_symlinks=False)
    facts: dict[str, object] = {
        "mode": oct(found.st_mode),
        "owner": (found.st_uid, found.st_gid),
        "mtime": found.st_mtime_ns,
        "xattrs": {name: os.getxattr(path, name, follow_symlinks=False) for name in sorted(names)},
    }
    if stat.S_ISDIR(found.st_mode):
        return facts
    facts |= {"links": found.st_nlink, "device": found.st_rdev}
    if stat.S_ISLNK(found.st_mode):
        facts["target"] = path.readlink()
    if stat.S_ISREG(found.st_mode):
        facts |= {"size": found.st_size, "content": path.read_bytes(), "data": _data_pages(path)}
    if stat.S_ISCHR(found.st_mode) and not found.st_rdev:
        del facts["mtime"]  # of a deletion: it is when it was unpacked
    return facts


def _paths(root: Path) -> list[Path]:
    """All paths of a tree; pathlib's rglob looks through links, whose targets are too long here."""
    found = [root]
    for parent, folders, files in os.walk(root):
        found += [Path(parent, name) for name in (*folders, *files)]
    return sorted(found)


def _tree(root: Path) -> dict[str, dict[str, object]]:
    paths = _paths(root)
    tree = {str(path.relative_to(root)): _facts(path) for path in paths}
    inodes: dict[int, str] = {}
    for path in paths:
        if not stat.S_ISDIR(path.lstat().st_mode):
            tree[str(path.relative_to(root))]["same as"] = inodes.setdefault(
                path.lstat().st_ino, str(path.relative_to(root))
            )
    return tree


def _assert_same(tree: dict[str, dict[str, object]], wanted: dict[str, dict[str, object]]) -> None:
    assert set(tree) == set(wanted)
    different = [(path, key) for path in wanted for key in wanted[path] if tree[path].get(key) != wanted[path][key]]
    assert not different, [(path, key, tree[path].get(key), wanted[path][key]) for path, key in different[:5]]


def _make_files(root: Path, chance: random.Random) -> None:
    """Files of every kind that GNU tar archives."""
    root.mkdir(mode=0o750)
    for name, size in [("empty", 0), ("one", 1), ("block", 512), ("more", 513), ("page", 4096), ("large", 3_000_001)]:
        (root / name).write_bytes(chance.randbytes(size))
    for name, step, length in [("pages", 5 * _PAGE, _PAGE), ("odd", 3 * _PAGE, 1000)]:
        with (root / name).open("wb") as file:
            for number in range(20):
                os.pwrite(file.fileno(), chance.randbytes(length), number * step)
            file.truncate(20 * step + 77)
    with (root / "hole").open("wb") as file:
        file.truncate(1 << 26)
    many = root / "many"
    many.mkdir()
    for number in range(700):
        (many / f"{chance.randrange(1 << 30):x}{'n' * chance.choice([1, 9, 200])}").write_bytes(b"%d" % number)
    for number in [1, 60, 400, 500, 600, 4000]:
        (root / f"link{number}").symlink_to("t" * number)
    (root / "hard").hardlink_to(root / "large")
    (many / "hard").hardlink_to(root / "large")
    os.link(root / "link60", root / "hardlink", follow_symlinks=False)
    os.mkfifo(root / "fifo", 0o640)
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(root / "disk", stat.S_IFBLK | 0o660, os.makedev(259, 70_000))
    (root / "setuid").write_bytes(b"#!")
    os.setxattr(root / "setuid", "user.comment", b"v" * 300)
    os.setxattr(root / "setuid", "security.capability", b"\1\0\0\2\0\x20" + bytes(14))
    os.setxattr(many, "user.on-a-directory", b"")
    for number, path in enumerate(_paths(root)):
        os.chown(path, number % 3 * 40_000, number % 5 * 1_000_000, follow_symlinks=False)
        os.utime(path, ns=(0, 1_600_000_000 * 10**9 + number * 12_345_678), follow_symlinks=False)
    (root / "setuid").chmod(0o6755)
    os.setxattr(root / "setuid", "security.capability", b"\1\0\0\2\0\x20" + bytes(14))


@pytest.mark.parametrize("how", ["files", "loop devices", "one piece"])
@pytest.mark.parametrize("form", ["pax", "gnu"])
def test_the_mounted_tree_is_what_gnu_tar_extracts(tmp_path: Path, how: str, form: str) -> None:
    _make_files(tmp_path / "source", random.Random(form))  # noqa: S311 -- repeatable
    tar = tmp_path / "layer.tar"
    options = ["--sparse", f"--format={form}", *(["--xattrs", "--xattrs-include=*"] if form == "pax" else [])]
    subprocess.run(["tar", "-C", str(tmp_path / "source"), *options, "-cf", str(tar), "."], check=True)
    (tmp_path / "extracted").mkdir()
    xattrs = ["--xattrs", "--xattrs-include=*"]
    subprocess.run(["tar", "-C", str(tmp_path / "extracted"), *xattrs, "-xpf", str(tar)], check=True)
    with _mounted(tar, tmp_path / "mounted", how=how) as mounted:
        _assert_same(_tree(mounted), _tree(tmp_path / "extracted"))


def _random_layer(chance: random.Random) -> bytes:
    """A layer of entries that replace, hide and link each other."""
    output = io.BytesIO()
    names = ["a", "b", "cc", "d" * 120, "é", "f"]
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        files: list[str] = []
        for number in range(chance.randrange(3, 20)):
            parts = chance.choices(names, k=chance.randrange(1, 4))
            kind = chance.choice("fffdddddlhhwwop")
            if kind in "wo":
                parts[-1] = ".wh." + parts[-1] if kind == "w" else ".wh..wh..opq"
            member = tarfile.TarInfo("/".join(parts))
            member.mode = chance.choice([0o644, 0o4755, 0o1777, 0o600])
            member.uid, member.gid = chance.choice([(0, 0), (1000, 100_000)])
            member.mtime = 1_600_000_000 + number / 8
            content = chance.randbytes(chance.choice([0, 10, 512, 9000])) if kind == "f" else b""
            if kind == "f" and chance.randrange(2):
                member.pax_headers = {"SCHILY.xattr.user.k": f"v{number}", "SCHILY.xattr.trusted.overlay.opaque": "y"}
            if kind == "d":
                member.type = tarfile.DIRTYPE
            elif kind == "l":
                member.type, member.linkname = tarfile.SYMTYPE, chance.choice(["x", "a", "/b/cc", "../.."])
            elif kind == "h":
                if not files:
                    continue
                member.type, member.linkname = tarfile.LNKTYPE, chance.choice(files)
            elif kind == "p":
                member.type, member.mode = tarfile.FIFOTYPE, 0o600
            if kind == "f":
                files.append(member.name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return output.getvalue()


def test_random_layers_are_what_our_extraction_makes_of_them(tmp_path: Path) -> None:
    taken = refused = 0
    for seed in range(250):
        tar = tmp_path / f"{seed}.tar"
        tar.write_bytes(_random_layer(random.Random(seed)))  # noqa: S311 -- repeatable
        extracted = tmp_path / f"{seed}.d"
        extracted.mkdir()
        root_fd = os.open(extracted, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with tar.open("rb") as raw:
                stats = extract(TarReader(raw.read), root_fd, form="overlay")
        except InvalidArgument:
            refused += 1
            with pytest.raises(InvalidArgument):
                _build(tar)
            continue
        finally:
            os.close(root_fd)
        taken += 1
        with _mounted(tar, tmp_path / f"{seed}.m", how="files") as mounted:
            tree, wanted = _tree(mounted), _tree(extracted)
        wanted["."].pop("mtime")  # when it was made: nothing says another
        assert sorted(_index(tar).implied) == sorted(stats.implied)
        _assert_same(tree, wanted)
    assert taken > 50, refused
    assert refused > 50, taken


def _write_layer(path: Path, members: Mapping[str, bytes | None]) -> Path:
    """A layer of directories (None) and files."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            member.mode = 0o755
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return path


def test_overlayfs_heeds_the_deletions_of_an_index(tmp_path: Path) -> None:
    lower = {"gone": b"1", "kept": b"1", "opaque": None, "opaque/old": b"1", "dir": None, "dir/a": b"1", "dir/b": b"1"}
    upper = {".wh.gone": b"", "opaque/.wh..wh..opq": b"", "opaque/new": b"2", "dir/.wh.a": b"", "dir/c": b"2"}
    merged = tmp_path / "merged"
    merged.mkdir()
    with (
        _mounted(_write_layer(tmp_path / "1.tar", lower), tmp_path / "1", how="files") as first,
        _mounted(_write_layer(tmp_path / "2.tar", upper), tmp_path / "2", how="files") as second,
    ):
        options = f"lowerdir={second}:{first}"
        subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", str(merged)], check=True)
        try:
            found = {str(path.relative_to(merged)) for path in _paths(merged)}
        finally:
            subprocess.run(["umount", str(merged)], check=True)
    assert found == {".", "kept", "opaque", "opaque/new", "dir", "dir/b", "dir/c"}


def test_an_index_is_mounted_with_what_was_set_later(tmp_path: Path) -> None:
    tar = _write_layer(tmp_path / "layer.tar", {"tmp/build/file": b"1"})
    image = _build(tar)
    xattrs = {b"user.a": b"1", b"user.long": b"2" * 5000, b"trusted.t": b"3"}
    with image.open("r+b") as file:
        index = IndexFile(file)
        index.set_attributes(b"tmp", DirectoryAttributes(mode=0o1777, uid=7, gid=8, mtime_ns=12_345, xattrs=xattrs))
        index.finish()
    with _attached(str(image), tmp_path / "m", f"ro,device={tar}", is_file=True) as mounted:
        found = (mounted / "tmp").stat()
        assert (found.st_mode, found.st_uid, found.st_gid) == (stat.S_IFDIR | 0o1777, 7, 8)
        assert found.st_mtime_ns == 12_345
        names = os.listxattr(mounted / "tmp")
        assert {os.fsencode(name): os.getxattr(mounted / "tmp", name) for name in names} == xattrs
        assert (mounted / "tmp/build").stat().st_mode == stat.S_IFDIR | 0o755
