"""Where saved files go."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, KernelError
from orlop.image.outlet import DirectoryOutlet, TarOutlet

if TYPE_CHECKING:
    from pathlib import Path

    from orlop.image.outlet import Outlet


def _fill(outlet: Outlet) -> None:
    outlet.add("top", 3, [b"top"])
    outlet.add("a/b/one", 3, [b"o", memoryview(b"ne")])
    outlet.add("a/b/two", 0, [])
    outlet.close()


def test_a_tar_has_each_directory_once_and_no_times() -> None:
    out = io.BytesIO()
    _fill(TarOutlet(out.write))
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        members = archive.getmembers()
        assert [one.name for one in members] == ["top", "a", "a/b", "a/b/one", "a/b/two"]
        assert {(one.mtime, one.uid, one.uname) for one in members} == {(0, 0, "")}
        file = archive.extractfile("a/b/one")
        assert file is not None
        assert file.read() == b"one"


def test_a_directory_has_the_files(tmp_path: Path) -> None:
    _fill(DirectoryOutlet(tmp_path / "new"))
    found = {
        str(path.relative_to(tmp_path / "new")): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert found == {"top": b"top", "a/b/one": b"one", "a/b/two": b""}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    _fill(DirectoryOutlet(tmp_path))
    with pytest.raises(AlreadyExists, match=f"cannot save to {tmp_path}: it is not empty; name another directory"):
        DirectoryOutlet(tmp_path)


def test_what_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KernelError, match=r"cannot save: mkdir .*file/x: ENOTDIR"):
        DirectoryOutlet(tmp_path / "file/x")
    outlet = DirectoryOutlet(tmp_path / "new")
    outlet.add("a", 1, [b"x"])
    with pytest.raises(KernelError, match=r"cannot save: write .*new/a: EEXIST"):
        outlet.add("a", 1, [b"y"])
