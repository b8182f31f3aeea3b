"""Pausing, on files that stand for cgroup files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, KernelError
from orlop.runtime.freezer import is_frozen, set_frozen

if TYPE_CHECKING:
    from pathlib import Path


def test_v1(tmp_path: Path) -> None:
    state = tmp_path / "freezer.state"
    state.write_text("THAWED\n", encoding="ascii")
    paths = {"freezer": str(tmp_path), "": "/nowhere"}
    assert not is_frozen(paths)
    set_frozen(paths, frozen=True)
    assert state.read_text(encoding="ascii") == "FROZEN"
    assert is_frozen(paths)
    set_frozen(paths, frozen=False)
    assert not is_frozen(paths)


def test_a_cgroup_that_is_freezing_counts_as_frozen(tmp_path: Path) -> None:
    (tmp_path / "freezer.state").write_text("FREEZING\n", encoding="ascii")
    assert is_frozen({"freezer": str(tmp_path)})


def test_v2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.freeze").write_text("0\n", encoding="ascii")
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 1\n", encoding="ascii")
    set_frozen({"": str(tmp_path)}, frozen=True)
    assert (tmp_path / "cgroup.freeze").read_text(encoding="ascii") == "1"
    assert is_frozen({"": str(tmp_path)})


def test_without_a_freezer() -> None:
    assert not is_frozen({"pids": "/x"})
    with pytest.raises(FailedPrecondition, match="no cgroup freezer"):
        set_frozen({"pids": "/x"}, frozen=True)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r'write .*/gone/freezer\.state: "FROZEN": No such file or directory'):
        set_frozen({"freezer": str(tmp_path / "gone")}, frozen=True)
