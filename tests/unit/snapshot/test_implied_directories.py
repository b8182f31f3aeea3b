"""Directories get what the uppermost layer below says that is seen; nothing outside of a layer is ever touched."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument
from orlop.snapshot.implied_directories import inherit, opened_tree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs_root


def _layer(root: Path, *directories: tuple[str, int]) -> Path:
    """A layer of directories and their modes."""
    root.mkdir()
    for name, mode in directories:
        path = root / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    return root


def _inherit(implied: list[bytes], layer: Path, *below: Path) -> None:
    with ExitStack() as stack:
        upper, *lower = [opened_tree(root, stack) for root in (layer, *below)]
        inherit(upper, implied, lower)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_the_uppermost_layer_that_has_it_counts(tmp_path: Path) -> None:
    top = _layer(tmp_path / "top", ("a", 0o755), ("a/b", 0o755), ("c", 0o755), ("new", 0o755))
    middle = _layer(tmp_path / "middle", ("a/b", 0o700))
    bottom = _layer(tmp_path / "bottom", ("a/b", 0o711), ("a", 0o750), ("c", 0o1777))
    _inherit([b"a/b", b"c", b"new"], top, middle, bottom)
    assert [_mode(top / name) for name in ("a/b", "a", "c", "new")] == [0o700, 0o755, 0o1777, 0o755]


def test_all_attributes_come_but_marks_of_overlayfs(tmp_path: Path) -> None:
    top, bottom = _layer(tmp_path / "top", ("a", 0o755)), _layer(tmp_path / "bottom", ("a", 0o1750))
    for path, names in (
        (top, ("user.gone", "user.kept", "trusted.overlay.opaque")),
        (bottom, ("user.kept", "user.overlay.opaque")),
    ):
        for name in names:
            os.setxattr(path / "a", name, path.name.encode())
    os.chown(bottom / "a", 3, 4)
    (bottom / "a").chmod(0o2750)
    os.utime(bottom / "a", ns=(5, 6))
    _inherit([b"a"], top, bottom)
    status = (top / "a").stat()
    assert (status.st_uid, status.st_gid, _mode(top / "a"), status.st_mtime_ns) == (3, 4, 0o2750, 6)
    found = {name: os.getxattr(top / "a", name) for name in os.listxattr(top / "a")}
    assert found == {"user.kept": b"bottom", "trusted.overlay.opaque": b"top"}


@pytest.mark.parametrize("hidden_by", ["a file", "a link", "a deletion", "an opaque directory", "an opaque root"])
def test_what_is_hidden_does_not_count(tmp_path: Path, hidden_by: str) -> None:
    top, bottom = _layer(tmp_path / "top", ("a/b", 0o755)), _layer(tmp_path / "bottom", ("a/b", 0o700))
    middle = _layer(tmp_path / "middle")
    if hidden_by == "a file":
        (middle / "a").touch()
    elif hidden_by == "a link":
        (middle / "a").symlink_to(bottom / "a")
    elif hidden_by == "a deletion":
        (middle / "a").mkdir()
        os.mknod(middle / "a/b", 0o020000, 0)
    else:
        opaque = middle if hidden_by == "an opaque root" else middle / "a"
        opaque.mkdir(exist_ok=True)
        os.setxattr(opaque, "trusted.overlay.opaque", b"y")
    _inherit([b"a/b"], top, middle, bottom)
    assert _mode(top / "a/b") == 0o755


def test_an_opaque_directory_is_itself_seen(tmp_path: Path) -> None:
    top, bottom = _layer(tmp_path / "top", ("a", 0o755)), _layer(tmp_path / "bottom", ("a", 0o700))
    os.setxattr(bottom / "a", "trusted.overlay.opaque", b"y")
    _inherit([b"a"], top, bottom)
    assert _mode(top / "a") == 0o700


@pytest.mark.parametrize("path", [b"..", b"a/../../outside", b"/", b"./a", b"a//b"])
def test_threat_h_a_path_that_leaves_the_layer_is_refused(tmp_path: Path, path: bytes) -> None:
    top, bottom = _layer(tmp_path / "top", ("a", 0o755)), _layer(tmp_path / "bottom", ("a", 0o700))
    before = _mode(tmp_path)
    with pytest.raises(InvalidArgument, match="is no path in a layer"):
        _inherit([path], top, bottom)
    assert _mode(tmp_path) == before


def test_threat_h_a_link_leads_nowhere(tmp_path: Path) -> None:
    outside = _layer(tmp_path / "outside", ("b", 0o755))
    top, bottom = _layer(tmp_path / "top"), _layer(tmp_path / "bottom", ("a/b", 0o700))
    (top / "a").symlink_to(outside)
    with pytest.raises(NotADirectoryError):
        _inherit([b"a/b"], top, bottom)
    assert _mode(outside / "b") == 0o755


def test_a_path_may_be_deep(tmp_path: Path) -> None:
    top, bottom = tmp_path / "top", tmp_path / "bottom"
    for root in (top, bottom):
        root.mkdir()
        fd = os.open(root, os.O_RDONLY)
        for _ in range(1000):
            os.mkdir("d", 0o755, dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.fchmod(fd, 0o700 if root == bottom else 0o755)
        os.close(fd)
    _inherit([b"/".join([b"d"] * 1000)], top, bottom)
    with ExitStack() as stack:
        assert opened_tree(top, stack).look(b"/".join([b"d"] * 1000)).mode == 0o700
