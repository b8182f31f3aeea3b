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
from orlop.snapshot.mounting import mount_all, unmount
from tar_bytes import END, directory, file, pax, symlink
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


def _add_all(snapshotter: DirectorySnapshotter, layers: list[bytes], *, apart: bool) -> None:
    """Layers 0, 1, ... as committed snapshots of these names, on top of each other."""
    results = []
    for number, layer in enumerate(layers):
        parent = str(number - 1) if number and not apart else ""
        snapshotter.prepare(f"key-{number}", parent)
        target = snapshotter.layer_target(f"key-{number}")
        job = UnpackJob(
            form=target.form.value, directory=target.directory, compression="none", user_xattr=target.user_xattr
        )
        results.append(_unpack(job, layer))
        if not apart:
            snapshotter.commit(str(number), f"key-{number}", implied=results[-1].implied)
    for number, result in enumerate(results) if apart else ():
        parent = str(number - 1) if number else ""
        snapshotter.commit(str(number), f"key-{number}", parent=parent or None, implied=result.implied)


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


@pytest.mark.parametrize("name", IMAGES)
def test_the_image_is_what_extraction_of_one_layer_on_another_makes(
    snapshotter: DirectorySnapshotter, tmp_path: Path, name: str
) -> None:
    layers = IMAGES[name]
    _add_all(snapshotter, layers, apart=snapshotter.takes_layers_apart)
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


@pytest.mark.needs_peer("umoci")
@pytest.mark.parametrize("name", IMAGES)
def test_umoci_makes_the_same_of_it(tmp_path: Path, name: str) -> None:
    image = f"{tmp_path / 'image'}:a"
    subprocess.run(["umoci", "init", "--layout", str(tmp_path / "image")], check=True)
    subprocess.run(["umoci", "new", "--image", image], check=True)
    for number, layer in enumerate(IMAGES[name]):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(layer + END)
        subprocess.run(["umoci", "raw", "add-layer", "--image", image, str(path)], check=True)
    begin = time.time_ns() - 10**9  # file systems' clocks may be a tick behind
    subprocess.run(["umoci", "unpack", "--image", image, str(tmp_path / "bundle")], check=True)
    theirs, ours = describe(tmp_path / "bundle/rootfs"), _applied(IMAGES[name], tmp_path / "ours")
    for place, node in theirs.items():
        # It keeps the time of a file's directory, and not of the one in which it makes that directory.
        if node["type"] == "d" and int(str(node["mtime_ns"])) > begin:
            node["mtime_ns"] = ours[place]["mtime_ns"]
    assert differences(theirs, ours) == []
