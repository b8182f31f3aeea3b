"""A process that makes, uses and removes snapshots; it kills itself in the middle, where it is asked to.

    python -m contract.snapshot_worker IMPLEMENTATION ROOT cycle [KILL_AT]    one life of two layers and a container
    python -m contract.snapshot_worker IMPLEMENTATION ROOT share NAME COUNT   many containers on one image

With KILL_AT, the process ends by SIGKILL right before the call of that number that our code makes to the interpreter's
C functions: every system call and every statement of SQL is one. Without, it prints how many there were.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import NotFound
from orlop.snapshot.erofs import ErofsSnapshotter
from orlop.snapshot.mounting import mount_all, unmount
from orlop.snapshot.native import NativeSnapshotter
from orlop.snapshot.overlay import OverlaySnapshotter

from .layers import Layer, files_of, write_layer

if TYPE_CHECKING:
    from types import FrameType

    from orlop.snapshot.directory_snapshotter import DirectorySnapshotter

IMPLEMENTATIONS: dict[str, type[DirectorySnapshotter]] = {
    "overlayfs": OverlaySnapshotter,
    "native": NativeSnapshotter,
    "erofs": ErofsSnapshotter,
}
BASE = Layer(files={"etc/passwd": b"root\n", "etc/motd": b"hello\n", "usr/lib/a": b"a" * 3000, "usr/lib/b": b"b"})
TOP = Layer(files={"etc/passwd": b"root\nweb\n"}, deleted=("etc/motd",), opaque=("usr/lib",))
BOTH = {"etc/passwd": b"root\nweb\n"}
_NAMES = ("look", "container", "top", "work-2", "base", "work-1")  # in an order in which they can be removed


def make_image(snapshotter: DirectorySnapshotter) -> None:
    """Two layers, `base` and `top`, as an unpacker makes them."""
    apart = snapshotter.takes_layers_apart
    snapshotter.prepare("work-1")
    base = write_layer(snapshotter.layer_target("work-1"), BASE)
    if apart:
        snapshotter.prepare("work-2")
        top = write_layer(snapshotter.layer_target("work-2"), TOP)
    snapshotter.commit("base", "work-1", implied=base)
    if not apart:
        snapshotter.prepare("work-2", "base")
        top = write_layer(snapshotter.layer_target("work-2"), TOP)
    snapshotter.commit("top", "work-2", parent="base" if apart else None, implied=top)


def cycle(snapshotter: DirectorySnapshotter) -> None:
    """Remove what an earlier process left of this, do it all, and remove it."""
    for name in _NAMES:
        with suppress(NotFound):
            snapshotter.remove(name)
    make_image(snapshotter)
    snapshotter.prepare("container", "top")
    snapshotter.view("look", "top")
    for name in _NAMES:
        with suppress(NotFound):
            snapshotter.remove(name)


def share(snapshotter: DirectorySnapshotter, name: str, count: int) -> None:
    """Containers on `top`, one after the other, each mounted and looked at; and cleanups in between."""
    target = snapshotter.root / f"mnt-{name}"
    target.mkdir()
    for number in range(count):
        key = f"{name}-{number}"
        mount_all(snapshotter.prepare(key, "top"), target)
        try:
            (target / "own").write_text(key)
            assert files_of(target) == {**BOTH, "own": key.encode()}
        finally:
            unmount(target)
        snapshotter.cleanup()
        snapshotter.remove(key)


class _Killer:
    def __init__(self, kill_at: int | None) -> None:
        self._kill_at = kill_at
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        del argument
        if event == "c_call" and "/orlop/" in frame.f_code.co_filename:
            self.calls += 1
            if self.calls == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def _main(name: str, root: str, what: str, *arguments: str) -> None:
    with IMPLEMENTATIONS[name](Path(root)) as snapshotter:
        if what == "share":
            share(snapshotter, arguments[0], int(arguments[1]))
            return
        killer = _Killer(int(arguments[0]) if arguments else None)
        sys.setprofile(killer)
        cycle(snapshotter)
        sys.setprofile(None)
        print(killer.calls)


if __name__ == "__main__":
    _main(*sys.argv[1:])
