"""Layers with directories that they have no entry of: every snapshotter shows what sequential extraction makes."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from orlop.archive.contract import UnpackJob
from orlop.archive.unpack_form import unpack
from orlop.linux.fstab_mount import detach, mount_points_below
from orlop.snapshot.contract import NeedsParent
from orlop.snapshot.mounting import mount_all, unmount
from tar_bytes import END, directory, file, hard_link, header, pax, symlink
from trees import Node, describe, differences

from .snapshot_worker import IMPLEMENTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.archive.contract import UnpackResult
    from orlop.snapshot.directory_snapshotter import DirectorySnapshotter

pytestmark = pytest.mark.needs_root

_A = b"SCHILY.xattr.user.a"
_ACL = b"\2\0\0\0" + b"".join(
    tag + b"\0" + rights + b"\0" + who
    for tag, rights, who in (
        (b"\1", b"\7", b"\xff" * 4),
        (b"\2", b"\5", b"\5\0\0\0"),
        (b"\4", b"\5", b"\xff" * 4),
        (b"\x10", b"\5", b"\xff" * 4),
        (b"\x20", b"\5", b"\xff" * 4),
    )
)
_ROOT = directory(b"./", mode=0o711, uid=3, gid=4, mtime=9)
_BASE = b"".join([
    _ROOT, directory(b"tmp", mode=0o1777, mtime=1),
    pax((_A, b"1"), (b"SCHILY.xattr.system.posix_acl_access", _ACL)) + directory(b"srv", uid=7, mtime=2),
    pax((_A, b"1"), (b"SCHILY.xattr.user.b", b"2" * 900)) + directory(b"srv/www", mode=0o1750, gid=8, mtime=3),
    file(b"srv/www/old", b"x"), directory(b"srv/www/sub", mode=0o700, mtime=4), file(b"srv/www/sub/old"),
])  # fmt: skip

# Each image is its layers, the lowest first.
IMAGES = {
    "a sticky directory": [_BASE, file(b"tmp/f")],
    "attributes, also of two": [_BASE, file(b"srv/www/sub/f") + file(b"srv/f")],
    "three layers": [_BASE, file(b"srv/www/one"), file(b"srv/www/two") + file(b"tmp/two")],
    "from two layers below": [_BASE, directory(b"srv", mode=0o500), file(b"opt/f"), file(b"srv/www/f")],
    "described in between": [_BASE, directory(b"srv/www", mode=0o777, mtime=7), file(b"srv/www/f")],
    "opaque": [_BASE, file(b"srv/www/.wh..wh..opq") + file(b"srv/www/new")],
    "below what is opaque": [_BASE, file(b"srv/www/.wh..wh..opq") + file(b"srv/www/sub/new")],
    "below what was opaque": [_BASE, file(b"srv/www/.wh..wh..opq"), file(b"srv/www/sub/new")],
    "deleted, and there again": [_BASE, file(b"srv/.wh.www") + file(b"srv/www/sub/new")],
    "deleted, and then there again": [_BASE, file(b"srv/.wh.www"), file(b"srv/www/sub/new")],
    "deleted, there again, and more": [_BASE, file(b"srv/.wh.www") + file(b"srv/www/new"), file(b"srv/www/sub/f")],
    "of a file": [_BASE, file(b".wh.tmp") + file(b"tmp"), file(b".wh.tmp") + file(b"tmp/f")],
    "behind a link of the layer": [_BASE, symlink(b"var", b"srv/www") + file(b"var/sub/f")],
    "a deletion only": [_BASE, file(b"srv/www/.wh.old") + file(b"tmp/.wh.never")],
    "no root": [_BASE, file(b"f"), directory(b"./", mode=0o755, mtime=12), file(b"g")],
    "an opaque root": [_BASE, file(b".wh..wh..opq") + file(b"srv/f"), file(b"srv/www/f")],
    "told late": [_BASE, file(b"srv/www/f") + directory(b"srv", mode=0o705, mtime=8), file(b"srv/g")],
    "replaced by a file": [_BASE, file(b"srv/www/f") + file(b"srv", b"x") + file(b"tmp/f")],
    "replaced twice": [_BASE, file(b"srv/www/f") + file(b"srv") + directory(b"srv") + file(b"srv/www/sub/f")],
    "attributes that an entry has not": [_BASE, directory(b"srv/www", mode=0o711, mtime=5)],
    "nowhere": [_BASE, file(b"new/er/f"), file(b"new/er/g")],
}

_USR = b"".join([
    _ROOT, directory(b"usr", mtime=1), directory(b"usr/bin", mode=0o751, uid=4, mtime=2), file(b"usr/bin/sh", b"sh"),
    file(b"usr/bin/old", b"old"), symlink(b"bin", b"usr/bin"), directory(b"sbin", mtime=4), file(b"sbin/init"),
    symlink(b"out", b"../../../../usr/bin/../sbin"), symlink(b"far", b"/usr/bin/.."), symlink(b"to-link", b"./bin"),
    symlink(b"usr/lib", b"../lib"), directory(b"lib", mtime=5),
])  # fmt: skip
_NEW_ROOT = directory(b"./", mtime=30)

# Images with something behind a link of a lower layer: only extraction on top of that finds its place.
LINKED = {
    "a file": [_USR, file(b"bin/tool", b"new")],
    "a file in a directory of its own": [_USR, file(b"bin/sub/tool")],
    "over one that is there": [_USR, file(b"bin/sh", b"new", mode=0o4711, uid=6)],
    "chains of links, and .. in them": [_USR, file(b"to-link/a"), file(b"out/b"), file(b"far/lib/c")],
    "a link that leads nowhere": [_USR + symlink(b"run", b"/var/run"), file(b"run/x/f")],
    "a link two layers below": [_USR, file(b"opt/f"), file(b"bin/tool")],
    "twice": [_USR, file(b"bin/one"), file(b"bin/two") + file(b"usr/bin/three")],
    "a link of this layer to one below": [_USR, symlink(b"here", b"bin") + file(b"here/tool")],
    "a deletion": [_USR, file(b"bin/.wh.old")],
    "an opaque mark": [_USR, file(b"bin/.wh..wh..opq") + file(b"bin/new")],
    "a deletion, then in the place itself": [_USR, file(b"bin/.wh.old") + file(b"usr/bin/old", b"new")],
    "then described": [_USR, file(b"bin/tool") + directory(b"bin", mtime=6) + file(b"bin/more")],
    "then replaced by a file": [_USR, file(b"bin/tool") + file(b"bin", b"x")],
    "then replaced by a link": [_USR, file(b"bin/tool") + symlink(b"bin", b"sbin") + file(b"bin/more")],
    "then replaced with what is above": [_USR, file(b"usr/lib/x/f") + file(b"usr", b"file")],
    "a hard link in it": [_USR, file(b"bin/tool", b"x") + hard_link(b"bin/second", b"bin/tool")],
    "a hard link by another way": [_USR, file(b"bin/tool", b"x") + hard_link(b"sbin/second", b"usr/bin/tool")],
    "a hard link's target behind it": [_USR, file(b"usr/bin/tool", b"x") + hard_link(b"second", b"bin/tool")],
    "a hard link to a file below": [_USR, hard_link(b"second", b"usr/bin/sh")],
    "a hard link to a file below, behind a link": [_USR, hard_link(b"bin/second", b"bin/sh")],
}

# Images with nothing of the kind, though it may look like it.
NOT_LINKED = {
    "a link replaced by a directory": [_USR, directory(b"bin", mtime=6) + file(b"bin/tool")],
    "a link deleted before": [_USR, file(b".wh.bin") + file(b"bin/tool")],
    "a link deleted in between": [_USR, file(b".wh.bin"), file(b"bin/tool")],
    "a link replaced in between": [_USR, directory(b"bin"), file(b"bin/tool")],
    "a link below an opaque root": [_USR, file(b".wh..wh..opq"), file(b"bin/tool")],
    "the place itself": [_USR, file(b"usr/bin/tool")],
    "behind a link of the layer, and below too": [_USR, symlink(b"bin", b"sbin") + file(b"bin/tool")],
}

# Deletions of what is not there. The directory may be the layer's own, or another one's too.
DELETIONS = {
    "in the lowest layer": [_USR + file(b".wh.x") + file(b"lib/.wh.y") + file(b"new/.wh.z")],
    "in a directory of its own": [_USR, _NEW_ROOT + directory(b"new", mtime=8) + file(b"new/.wh.x") + file(b"new/f")],
    "in a directory without entry": [_USR, file(b"new/.wh.x") + file(b"new/er/.wh.y")],
    "in a directory of both": [_USR, file(b"lib/.wh.x") + file(b".wh.never")],
    "in what was a file": [_USR, directory(b"sbin/init", mtime=7) + file(b"sbin/init/.wh.x")],
    "in what was a link": [_USR, directory(b"bin", mtime=7) + file(b"bin/.wh.sh")],
    "in what was deleted": [_USR, file(b".wh.lib"), directory(b"lib", mtime=7) + file(b"lib/.wh.x")],
    "many": [
        _USR,
        directory(b"new", mtime=8) + b"".join(file(b"new/.wh.%0100d" % n) for n in range(500)) + file(b"new/f"),
    ],
    "next to links and devices": [
        _USR,
        directory(b"new") + symlink(b"new/l", b"x") + header(b"new/null", b"3", device=(1, 3)) + file(b"new/.wh.m"),
    ],
    "and then on top": [_USR + file(b"new/.wh.x"), file(b"new/x", b"x"), file(b"new/.wh.x")],
}
ALL = IMAGES | LINKED | NOT_LINKED | DELETIONS


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "snapshotter"
    yield path
    for mount_point in mount_points_below(str(tmp_path)):
        detach(mount_point)


@pytest.fixture(params=IMPLEMENTATIONS)
def snapshotter(request: pytest.FixtureRequest, root: Path) -> Iterator[DirectorySnapshotter]:
    with IMPLEMENTATIONS[request.param](root) as opened:
        yield opened


def _unpack(job: UnpackJob, layer: bytes) -> UnpackResult:
    with os.fdopen(os.memfd_create("layer"), "wb") as stream:
        stream.write(layer + END)
        stream.flush()
        os.lseek(stream.fileno(), 0, os.SEEK_SET)
        return unpack(job, stream.fileno())


def _add_all(snapshotter: DirectorySnapshotter, layers: list[bytes], *, apart: bool) -> list[str]:
    """Layers 0, 1, ... as committed snapshots of these names, on top of each other.

    Returns the names of those that were unpacked apart, and then once more.
    """
    results, again = [], []
    for number, layer in enumerate(layers):
        parent = str(number - 1) if number and not apart else ""
        snapshotter.prepare(f"key-{number}", parent)
        target = snapshotter.layer_target(f"key-{number}")
        job = UnpackJob(
            form=target.form.value,
            directory=target.directory,
            compression="none",
            user_xattr=target.user_xattr,
            has_parent=number > 0,
        )
        results.append(_unpack(job, layer))
        if not apart:
            _commit(snapshotter, number, results[-1], parent=None)
    for number, result in enumerate(results) if apart else ():
        try:
            _commit(snapshotter, number, result, parent=str(number - 1) if number else None)
        except NeedsParent:
            again.append(str(number))
            snapshotter.remove(f"key-{number}")
            _add_on_parent(snapshotter, layers[number], number)
    return again


def _commit(snapshotter: DirectorySnapshotter, number: int, result: UnpackResult, *, parent: str | None) -> None:
    if result.needs_parent:
        raise NeedsParent("a hard link")
    snapshotter.commit(
        str(number),
        f"key-{number}",
        parent=parent,
        implied=result.implied,
        passed=result.passed,
        deleting=result.deleting,
    )


def _add_on_parent(snapshotter: DirectorySnapshotter, layer: bytes, number: int) -> None:
    key = f"key-{number}"
    snapshotter.prepare(key, str(number - 1))
    target = snapshotter.layer_target(key, on_parent=True)
    place = snapshotter.root / "on-parent"
    place.mkdir(exist_ok=True)
    mount_all(target.mounts, place)
    try:
        job = UnpackJob(form=target.form.value, directory=place, compression="none", has_parent=True)
        result = _unpack(job, layer)
    finally:
        unmount(place)
    _commit(snapshotter, number, result, parent=None)


def _shown(snapshotter: DirectorySnapshotter, layers: list[bytes], target: Path) -> dict[str, Node]:
    """The image as a view of it is, which is what a container gets, too."""
    top = str(len(layers) - 1)
    target.mkdir()
    trees = []
    for mounts in (snapshotter.view("look", top), snapshotter.prepare("container", top)):
        mount_all(mounts, target)
        try:
            trees.append(describe(target))
        finally:
            unmount(target)
    assert differences(*trees) == []
    return trees[0]


def _applied(layers: list[bytes], directory: Path) -> dict[str, Node]:
    directory.mkdir()
    for layer in layers:
        _unpack(UnpackJob(form="applied", directory=directory, compression="none"), layer)
    return describe(directory)


@pytest.mark.parametrize("name", ALL)
def test_the_image_is_what_extraction_of_one_layer_on_another_makes(
    snapshotter: DirectorySnapshotter, tmp_path: Path, name: str
) -> None:
    layers = ALL[name]
    again = _add_all(snapshotter, layers, apart=snapshotter.takes_layers_apart)
    assert bool(again) == (name in LINKED and snapshotter.takes_layers_apart)
    if not again:
        assert mount_points_below(str(tmp_path)) == []
    shown = _shown(snapshotter, layers, tmp_path / "mounted")
    assert differences(shown, _applied(layers, tmp_path / "applied")) == []


def test_so_it_is_where_layers_are_prepared_on_their_parents(snapshotter: DirectorySnapshotter, tmp_path: Path) -> None:
    layers = IMAGES["three layers"]
    _add_all(snapshotter, layers, apart=False)
    shown = _shown(snapshotter, layers, tmp_path / "mounted")
    assert differences(shown, _applied(layers, tmp_path / "applied")) == []
    assert shown["tmp"]["mode"] == "0o1777"
    assert shown["srv/www"]["xattrs"] == {"user.a": b"1", "user.b": b"2" * 900}


# Where a deletion is all that a layer has in a directory, containerd makes the directory, and so do we; umoci does not.
NOT_UMOCIS = {"in the lowest layer": ["new"], "in a directory without entry": ["new", "new/er"]}


@pytest.mark.needs_peer("umoci")
@pytest.mark.parametrize("name", ALL)
def test_umoci_makes_the_same_of_it(tmp_path: Path, name: str) -> None:
    image = f"{tmp_path / 'image'}:a"
    subprocess.run(["umoci", "init", "--layout", str(tmp_path / "image")], check=True)
    subprocess.run(["umoci", "new", "--image", image], check=True)
    for number, layer in enumerate(ALL[name]):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(layer + END)
        subprocess.run(["umoci", "raw", "add-layer", "--image", image, str(path)], check=True)
    begin = time.time_ns() - 10**9  # file systems' clocks may be a tick behind
    subprocess.run(["umoci", "unpack", "--image", image, str(tmp_path / "bundle")], check=True)
    theirs, ours = describe(tmp_path / "bundle/rootfs"), _applied(ALL[name], tmp_path / "ours")
    for place in NOT_UMOCIS.get(name, ()):
        assert ours.pop(place)["type"] == "d"
    for place, node in theirs.items():
        # It keeps the time of a file's directory, and not of the one in which it makes that directory.
        if node["type"] == "d" and int(str(node["mtime_ns"])) > begin:
            node["mtime_ns"] = ours[place]["mtime_ns"]
    assert differences(theirs, ours) == []
