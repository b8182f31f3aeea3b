"""Pausing, on files that stand for cgroup files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, KernelError
from orlop.runtime import freezer
from orlop.runtime.freezer import is_frozen, set_frozen

from .samples import make_cgroup

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


def _kernel_answers(monkeypatch: pytest.MonkeyPatch, *steps: str, file: Path) -> list[str]:
    """While the freezer waits, the kernel writes these to `file`, one at a time; what stood there before, in order."""
    seen: list[str] = []
    rest = list(steps)

    def step(_seconds: float) -> None:
        seen.append(file.read_text("ascii"))
        if rest:
            file.write_text(rest.pop(0), encoding="ascii")

    monkeypatch.setattr(time, "sleep", step)
    return seen


def test_v2_is_waited_for_until_the_kernel_says_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cgroup = make_cgroup(tmp_path / "web", cgroup__events="populated 1\nfrozen 0\n")
    events = cgroup / "cgroup.events"
    seen = _kernel_answers(monkeypatch, "populated 1\nfrozen 0\n", "populated 1\nfrozen 1\n", file=events)
    set_frozen({"": str(cgroup)}, frozen=True)
    assert len(seen) == 2
    assert (cgroup / "cgroup.freeze").read_text("ascii") == "1"


def test_v2_is_waited_for_until_the_kernel_says_thawed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cgroup = make_cgroup(tmp_path / "web", cgroup__events="frozen 1\n")
    seen = _kernel_answers(monkeypatch, "frozen 0\n", file=cgroup / "cgroup.events")
    set_frozen({"": str(cgroup)}, frozen=False)
    assert len(seen) == 1
    assert (cgroup / "cgroup.freeze").read_text("ascii") == "0"


def test_v2_that_does_not_freeze_is_thawed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cgroup = make_cgroup(tmp_path / "web", cgroup__events="frozen 0\n")
    monkeypatch.setattr(freezer, "_TIMEOUT_S", 0.0)
    with pytest.raises(KernelError) as caught:
        set_frozen({"": str(cgroup)}, frozen=True)
    assert str(caught.value) == f'write {cgroup}/cgroup.freeze: "1": not done within 0 s'
    assert (cgroup / "cgroup.freeze").read_text("ascii") == "0"


def test_a_cgroup_of_v2_that_is_asked_to_freeze_counts_as_frozen(tmp_path: Path) -> None:
    cgroup = make_cgroup(tmp_path / "web", cgroup__freeze="1\n", cgroup__events="frozen 0\n")
    assert is_frozen({"": str(cgroup)})


def test_v1_counts_before_the_unified_hierarchy(tmp_path: Path) -> None:
    v1 = make_cgroup(tmp_path / "v1", freezer__state="THAWED\n")
    v2 = make_cgroup(tmp_path / "v2", cgroup__freeze="1\n")
    paths = {"": str(v2), "freezer": str(v1)}
    assert not is_frozen(paths)
    set_frozen(paths, frozen=True)
    assert (v2 / "cgroup.freeze").read_text("ascii") == "1\n"


def test_a_cgroup_that_is_gone_is_not_frozen(tmp_path: Path) -> None:
    assert not is_frozen({"": str(tmp_path / "gone")})
    assert not is_frozen({"freezer": str(tmp_path / "gone")})
