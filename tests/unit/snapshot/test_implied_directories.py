"""Directories get what the uppermost layer below says that is seen; nothing outside of a layer is ever touched."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument
from orlop.snapshot.contract import NeedsParent
from orlop.snapshot.implied_directories import Apart, inherit, opened_tree, settle
from orlop.snapshot.tree_removal import remove_tree

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
    for root in (top, bottom):
        remove_tree(root)  # which pytest cannot do: it recurses


def _settle(apart: Apart, layer: Path, *below: Path) -> None:
    with ExitStack() as stack:
        upper, *lower = [opened_tree(root, stack) for root in (layer, *below)]
        settle(upper, apart, lower)


@pytest.mark.parametrize("apart", [Apart(implied=[b"", b"a", b"a/b"]), Apart(passed=[b"a/b"])])
@pytest.mark.parametrize("leads", ["x", "/", "../..", "a/b", "nowhere"])
def test_a_link_below_needs_the_parent_wherever_it_leads(tmp_path: Path, apart: Apart, leads: str) -> None:
    top, bottom = _layer(tmp_path / "top", ("a/b", 0o755)), _layer(tmp_path / "bottom", ("a", 0o700))
    (bottom / "a/b").symlink_to(leads)
    with pytest.raises(NeedsParent, match='the layer has files in "a/b", which is a symbolic link in a layer below'):
        _settle(apart, top, _layer(tmp_path / "middle", ("a", 0o711)), bottom)


@pytest.mark.parametrize(
    "hidden_by", ["a directory", "a file", "a deletion", "an opaque directory", "the layer itself"]
)
def test_a_link_that_is_not_seen_is_none(tmp_path: Path, hidden_by: str) -> None:
    top, bottom = _layer(tmp_path / "top", ("a/b", 0o755)), _layer(tmp_path / "bottom", ("a", 0o700))
    middle = _layer(tmp_path / "middle", ("a", 0o711))
    (bottom / "a/b").symlink_to("x")
    implied = [b"a/b"]
    if hidden_by == "a directory":
        (middle / "a/b").mkdir()
    elif hidden_by == "a file":
        (middle / "a/b").touch()
    elif hidden_by == "a deletion":
        os.mknod(middle / "a/b", 0o020000, 0)
    elif hidden_by == "an opaque directory":
        os.setxattr(middle / "a", "trusted.overlay.opaque", b"y")
    else:
        implied = [b"a/b/c"]
        (top / "a/b/c").mkdir()
    _settle(Apart(implied=implied, passed=implied), top, middle, bottom)


def test_deletions_go_where_no_layer_below_has_the_directory(tmp_path: Path) -> None:
    top = _layer(tmp_path / "top", ("own", 0o755), ("both", 0o755), ("own/sub", 0o755), ("was-file", 0o755))
    bottom = _layer(tmp_path / "bottom", ("both", 0o755))
    (bottom / "was-file").touch()
    for name in ("x", "own/x", "own/sub/x", "both/x", "was-file/x"):
        os.mknod(top / name, 0o020000, 0)
    os.mknod(top / "own/null", 0o020666, os.makedev(1, 3))
    (top / "own/f").touch()
    os.utime(top / "own", ns=(5, 6))
    (top / "replaced").touch()
    apart = Apart(deleting=[b"", b"own", b"own/sub", b"both", b"was-file", b"replaced", b"gone"])
    _settle(apart, top, bottom)
    left = {str(path.relative_to(top)) for path in top.rglob("*") if not path.is_dir()}
    assert left == {"x", "both/x", "own/null", "own/f", "replaced"}
    assert (top / "own").stat().st_mtime_ns == 6
    _settle(apart, top)
    assert not (top / "x").exists()
    assert not (top / "both/x").exists()


def test_threat_h_deletions_are_dropped_nowhere_else(tmp_path: Path) -> None:
    outside = _layer(tmp_path / "outside", ("d", 0o755))
    os.mknod(outside / "d/x", 0o020000, 0)
    top = _layer(tmp_path / "top")
    (top / "a").symlink_to(outside)
    _settle(Apart(deleting=[b"a", b"a/d"]), top)
    with pytest.raises(InvalidArgument, match="is no path in a layer"):
        _settle(Apart(deleting=[b"../outside/d"]), top)
    assert (outside / "d/x").is_char_device()
