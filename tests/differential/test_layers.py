"""Layers with whiteouts: overlayfs shows of one form what the other is, and both are what umoci makes of the image."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from orlop.archive.extractor import ExtractStats, extract
from orlop.archive.tar_reader import TarReader
from tar_bytes import END, directory, file, hard_link, header, pax, symlink
from trees import describe, differences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs_root

LOWER = b"".join([
    directory(b"./", mtime=1), directory(b"d", mode=0o751, uid=5, mtime=2), file(b"d/gone", b"x"),
    file(b"d/kept", b"x", mtime=3),
    directory(b"o"), file(b"o/gone", b"x"), directory(b"o/sub"),
    file(b"o/sub/gone"), directory(b"usr"), directory(b"usr/bin"),
    file(b"usr/bin/sh", b"sh", mode=0o4755, uid=9), symlink(b"bin", b"usr/bin"),
    hard_link(b"hard", b"usr/bin/sh"),
    directory(b"tmp", mode=0o1777), directory(b"becomes-file"), file(b"becomes-file/x"), file(b"becomes-dir", b"x"),
    directory(b"anew"), file(b"anew/old"), header(b"null", b"3", device=(1, 3)), header(b"fifo", b"6"), END,
])  # fmt: skip

UPPER = b"".join([
    directory(b"./", mtime=10), directory(b"d", mode=0o700, uid=6, mtime=11), file(b"d/.wh.gone"),
    file(b"d/.wh.never"),
    pax((b"SCHILY.xattr.user.a", b"b")) + file(b"d/new", b"new",
    mtime=12), file(b"o/.wh..wh..opq"), directory(b"o", mtime=13),
    file(b"o/new", b"x"), hard_link(b"hard2", b"o/new"), file(b".wh.hard"), file(b".wh.null"), file(b".wh.fifo"),
    symlink(b"fifo", b"/etc/passwd"), file(b"becomes-file", b"y"), directory(b"becomes-dir"), file(b"becomes-dir/f"),
    file(b".wh.anew"), directory(b"anew", mtime=14), file(b"anew/new"), END,
])  # fmt: skip


def _unpack(archive: bytes, into: Path, form: str) -> ExtractStats:
    into.mkdir(exist_ok=True)
    source = memoryview(archive)
    at = 0

    def read(count: int) -> bytes:
        nonlocal at
        at += count
        return bytes(source[at - count : at])

    fd = os.open(into, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return extract(TarReader(read), fd, form=form)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _overlay(
    lowers: list[Path], target: Path, *, upper: Path | None = None, work: Path | None = None
) -> Iterator[None]:
    target.mkdir()
    options = "lowerdir=" + ":".join(map(str, reversed(lowers)))
    if upper:
        options += f",upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(target)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


def test_overlayfs_shows_what_the_applied_form_is(tmp_path: Path) -> None:
    layers = [tmp_path / "lower", tmp_path / "upper"]
    for archive, layer in zip((LOWER, UPPER), layers, strict=True):
        assert _unpack(archive, layer, "overlay").implied == []
        _unpack(archive, tmp_path / "applied", "applied")
    with _overlay(layers, tmp_path / "mounted"):
        mounted = describe(tmp_path / "mounted")
    assert differences(describe(tmp_path / "applied"), mounted) == []
    assert sorted(mounted) == sorted([
        ".", "anew", "anew/new", "becomes-dir", "becomes-dir/f", "becomes-file", "bin", "d", "d/kept", "d/new", "fifo",
        "hard2", "o", "o/new", "tmp", "usr", "usr/bin", "usr/bin/sh",
    ])  # fmt: skip


def test_a_link_below_is_followed_where_the_layer_is_applied_to_an_overlay(tmp_path: Path) -> None:
    """A layer that is unpacked alone cannot know that `bin` is a link in a lower one; it says what it took it for."""
    upper = file(b"bin/foo") + file(b"bin/.wh.sh") + hard_link(b"bin/bar", b"usr/bin/foo")
    for form in ("overlay", "applied"):
        _unpack(LOWER, tmp_path / form, form)
    assert _unpack(file(b"bin/foo"), tmp_path / "alone", "overlay").implied == [b"", b"bin"]
    _unpack(upper, tmp_path / "applied", "applied")
    for name in ("upper", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "upper").chmod(0o755)
    os.utime(tmp_path / "upper", ns=(10**9, 10**9))
    with _overlay([tmp_path / "overlay"], tmp_path / "mounted", upper=tmp_path / "upper", work=tmp_path / "work"):
        _unpack(upper, tmp_path / "mounted", "applied")
    with _overlay([tmp_path / "overlay", tmp_path / "upper"], tmp_path / "seen"):
        seen = describe(tmp_path / "seen")
    assert differences(describe(tmp_path / "applied"), seen) == []
    assert sorted(name for name in seen if "bin" in name) == ["bin", "usr/bin", "usr/bin/bar", "usr/bin/foo"]


@pytest.mark.needs_peer("umoci")
def test_umoci_makes_the_same_tree(tmp_path: Path) -> None:
    image = f"{tmp_path / 'image'}:a"
    subprocess.run(["umoci", "init", "--layout", str(tmp_path / "image")], check=True)
    subprocess.run(["umoci", "new", "--image", image], check=True)
    for number, archive in enumerate((LOWER, UPPER, file(b"bin/foo", b"x") + file(b"tmp/f"))):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(archive)
        subprocess.run(["umoci", "raw", "add-layer", "--image", image, str(path)], check=True)
        _unpack(archive, tmp_path / "ours", "applied")
    subprocess.run(["umoci", "unpack", "--image", image, str(tmp_path / "bundle")], check=True)
    assert differences(describe(tmp_path / "bundle" / "rootfs"), describe(tmp_path / "ours")) == []
