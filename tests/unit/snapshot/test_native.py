"""The native snapshotter, which needs nothing of the kernel, root neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.snapshot.contract import Mount
from orlop.snapshot.native import NativeSnapshotter

if TYPE_CHECKING:
    from pathlib import Path


def test_an_active_snapshot_is_a_copy_and_a_view_is_none(tmp_path: Path) -> None:
    with NativeSnapshotter(tmp_path) as snapshotter:
        assert snapshotter.prepare("work") == [
            Mount(type="bind", source=f"{tmp_path}/snapshots/1/fs", options=("rw", "rbind"))
        ]
        (snapshotter.layer_target("work").directory / "file").write_text("content")
        snapshotter.commit("base", "work")
        snapshotter.prepare("key", "base")
        copy = snapshotter.layer_target("key").directory / "file"
        assert copy.read_text() == "content"
        copy.write_text("changed")
        assert (tmp_path / "snapshots/1/fs/file").read_text() == "content"
        assert snapshotter.view("look", "base") == [
            Mount(type="bind", source=f"{tmp_path}/snapshots/1/fs", options=("ro", "rbind"))
        ]
        assert snapshotter.usage("key").size_bytes > snapshotter.usage("look").size_bytes
