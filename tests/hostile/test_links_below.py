"""Layers behind hostile links of lower layers: unpacked on top of these, they stay inside of the root."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from e2e.exchange import exchanging
from orlop.archive.contract import UnpackJob
from orlop.archive.unpack_form import unpack
from orlop.errors import InvalidArgument, OrlopError
from orlop.linux.fstab_mount import detach, mount_points_below
from orlop.snapshot.contract import NeedsParent
from orlop.snapshot.erofs import ErofsSnapshotter
from orlop.snapshot.mounting import mount_all, unmount
from orlop.snapshot.overlay import OverlaySnapshotter
from tar_bytes import END, directory, file, hard_link, symlink
from trees import describe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.archive.contract import UnpackResult
    from orlop.snapshot.directory_snapshotter import DirectorySnapshotter

    from .conftest import Arena

pytestmark = pytest.mark.needs_root

_ROUNDS = 10
_UPPER = b"".join([
    file(b"l/evil", b"x"), file(b"l/secret", b"changed"), file(b"l/.wh.secret"), file(b"l/inner/.wh..wh..opq"),
    directory(b"l/inner", mode=0o777), symlink(b"l/link", b"x"), file(b"l/f", b"f"), hard_link(b"l/g", b"l/f"),
])  # fmt: skip


@pytest.fixture(params=[OverlaySnapshotter, ErofsSnapshotter])
def snapshotter(request: pytest.FixtureRequest, arena: Arena) -> Iterator[DirectorySnapshotter]:
    with request.param(arena.root / "snapshotter") as opened:
        yield opened
    for mount_point in mount_points_below(str(arena.root)):
        detach(mount_point)


def _unpack(archive: bytes, job: UnpackJob) -> UnpackResult:
    with os.fdopen(os.memfd_create("layer"), "w+b") as stream:
        stream.write(archive + END)
        stream.seek(0)
        return unpack(job, stream.fileno())


def _add_apart(snapshotter: DirectorySnapshotter, name: str, archive: bytes, parent: str | None) -> None:
    snapshotter.prepare("work")
    try:
        target = snapshotter.layer_target("work")
        job = UnpackJob(form=target.form.value, directory=target.directory, compression="none")
        result = _unpack(archive, job)
        snapshotter.commit(
            name,
            "work",
            parent=parent,
            implied=result.implied,
            passed=result.passed,
            deleting=result.deleting,
        )
    except OrlopError:
        snapshotter.remove("work")
        raise


def _add_on_parent(snapshotter: DirectorySnapshotter, name: str, archive: bytes, parent: str, place: Path) -> None:
    snapshotter.prepare("work", parent)
    target = snapshotter.layer_target("work", on_parent=True)
    place.mkdir(exist_ok=True)
    mount_all(target.mounts, place)
    try:
        _unpack(archive, UnpackJob(form=target.form.value, directory=place, compression="none"))
    except OrlopError:
        unmount(place)
        snapshotter.remove("work")
        raise
    unmount(place)
    snapshotter.commit(name, "work")


@pytest.mark.parametrize("leads", ["outside", "outside by dots", "a chain", "the root", "above the root"])
def test_threat_h_a_link_that_leads_out_leads_into_the_root(
    snapshotter: DirectorySnapshotter, arena: Arena, leads: str
) -> None:
    outside = os.fsencode(arena.outside)
    links = {
        "outside": symlink(b"l", outside),
        "outside by dots": symlink(b"l", b"../../../../../../../../.." + outside),
        "a chain": symlink(b"l", b"m") + symlink(b"m", b"n/../o") + directory(b"n") + symlink(b"o", outside),
        "the root": symlink(b"l", b"/"),
        "above the root": symlink(b"l", b"../../.."),
    }
    _add_apart(snapshotter, "base", links[leads], None)
    with pytest.raises(NeedsParent):
        _add_apart(snapshotter, "top", _UPPER, "base")
    _add_on_parent(snapshotter, "top", _UPPER, "base", arena.root / "place")
    mount_all(snapshotter.view("look", "top"), arena.root / "place")
    inside = arena.root / "place" / (outside.decode().lstrip("/") if "root" not in leads else "")
    assert (inside / "evil").read_bytes() == b"x"
    assert (inside / "f").samefile(inside / "g")
    unmount(arena.root / "place")


@pytest.mark.parametrize(
    "links",
    [symlink(b"l", b"l"), symlink(b"l", b"m") + symlink(b"m", b"l"), symlink(b"l", b"l/l/l/l")],
    ids=["itself", "two", "many"],
)
def test_threat_i_links_that_go_round_are_refused(
    snapshotter: DirectorySnapshotter, arena: Arena, links: bytes
) -> None:
    _add_apart(snapshotter, "base", links, None)
    with pytest.raises(NeedsParent):
        _add_apart(snapshotter, "top", _UPPER, "base")
    with pytest.raises(InvalidArgument, match="goes through too many links"):
        _add_on_parent(snapshotter, "top", _UPPER, "base", arena.root / "place")
    assert [info.name for info in snapshotter.walk()] == ["base"]


def test_threat_i_thousands_of_directories_without_entry_and_of_links(snapshotter: DirectorySnapshotter) -> None:
    numbers = range(3000)
    _add_apart(snapshotter, "links", b"".join(symlink(b"l%d" % number, b"/x") for number in numbers), None)
    for parent in ("links", None):
        upper = b"".join(file(b"%d/.wh.x" % number) + file(b"%d/d/f" % number) for number in numbers)
        _add_apart(snapshotter, f"on {parent}", upper, parent)
    with pytest.raises(NeedsParent):
        _add_apart(snapshotter, "top", b"".join(file(b"l%d/f" % number) for number in numbers), "links")


def test_threat_h_a_link_that_is_replaced_meanwhile_leads_nowhere(arena: Arena) -> None:
    """Nobody but root can change a layer, and then it is still inside."""
    with OverlaySnapshotter(arena.root / "snapshotter") as snapshotter:
        _add_apart(snapshotter, "base", directory(b"d") + symlink(b"l", os.fsencode(arena.outside)), None)
        lower = snapshotter.directory(1) / "fs"
        outside = describe(arena.outside, identities=True)
        with exchanging(lower / "d", lower / "l"):
            for number in range(_ROUNDS):
                with suppress(OrlopError):
                    _add_apart(snapshotter, f"apart {number}", _UPPER, "base")
                with suppress(OrlopError):
                    _add_on_parent(snapshotter, f"on parent {number}", _UPPER, "base", arena.root / "place")
                assert describe(arena.outside, identities=True) == outside
