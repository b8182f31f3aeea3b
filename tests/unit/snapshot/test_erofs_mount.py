"""Mounts of a layer's index."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.layers import Layer, files_of, write_layer
from orlop.errors import KernelError, Unavailable
from orlop.linux.errno_text import kernel_error
from orlop.linux.fstab_mount import detach, mount_points_below
from orlop.linux.mountinfo import parse_mountinfo
from orlop.snapshot import erofs_mount
from orlop.snapshot.contract import LayerForm, LayerTarget
from orlop.snapshot.erofs_mount import is_mounted, mount_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs_root

_FILES = {"a/file": b"content" * 1000, "b": b"small"}


@pytest.fixture
def layer(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "layer"
    path.mkdir()
    (tmp_path / "fs").mkdir()
    write_layer(LayerTarget(form=LayerForm.TAR_INDEX, directory=path), Layer(files=_FILES))
    yield path
    for mount_point in mount_points_below(str(tmp_path)):
        detach(mount_point)


def _source(target: Path) -> str:
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text("utf-8"))
    return next(mount.source for mount in mounts if mount.mountpoint == str(target))


def test_an_index_is_mounted_read_only_from_devices_where_asked(layer: Path) -> None:
    target = layer.parent / "fs"
    assert not is_mounted(target)
    mount_layer(layer, target, from_devices=True)
    assert is_mounted(target)
    assert _source(target).startswith("/dev/loop")
    assert files_of(target) == _FILES
    with pytest.raises(OSError, match="Read-only"):
        (target / "b").write_bytes(b"")
    device = _source(target).removeprefix("/dev/")
    detach(str(target))
    assert not is_mounted(target)
    backing = Path(f"/sys/block/{device}/loop/backing_file")
    assert not backing.exists() or str(layer) not in backing.read_text("utf-8")


def _refuse_files(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise kernel_error("fsconfig", "FSCONFIG_CMD_CREATE", number)

    monkeypatch.setattr(erofs_mount, "_mount_files", refuse)


def _have_no_loop_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: str) -> tuple[str, int]:
        raise Unavailable("no loop devices")

    monkeypatch.setattr(erofs_mount, "attach_loop_device", none)


@pytest.mark.parametrize("number", [errno.ENOTBLK, errno.EINVAL, errno.ELOOP])
def test_a_kernel_that_does_not_mount_files_gets_devices(
    layer: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _refuse_files(monkeypatch, number)
    mount_layer(layer, layer.parent / "fs")
    assert _source(layer.parent / "fs").startswith("/dev/loop")
    assert files_of(layer.parent / "fs") == _FILES


def test_other_errors_are_told_at_once(layer: Path) -> None:
    (layer / "layer.tar").unlink()
    with pytest.raises(KernelError, match="ENOENT") as caught:
        mount_layer(layer, layer.parent / "fs")
    assert not hasattr(caught.value, "__notes__")


def test_where_neither_will_do_both_are_told(layer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse_files(monkeypatch, errno.EINVAL)
    _have_no_loop_devices(monkeypatch)
    with pytest.raises(KernelError, match="EINVAL") as caught:
        mount_layer(layer, layer.parent / "fs")
    assert caught.value.__notes__ == ["and not from loop devices either: no loop devices"]


def test_where_no_file_will_do_only_the_devices_are_told(layer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse_files(monkeypatch, errno.ENOTBLK)
    _have_no_loop_devices(monkeypatch)
    with pytest.raises(Unavailable, match="no loop devices"):
        mount_layer(layer, layer.parent / "fs")
