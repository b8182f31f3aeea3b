"""Tests of what is removed after a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .leftovers import remove_cgroups

if TYPE_CHECKING:
    from pathlib import Path


def test_empty_cgroups_of_the_suite_are_removed_and_others_stay(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("2:memory:/user/me\n0::/\n", encoding="ascii")
    hierarchies = tmp_path / "cgroup"
    gone = ("memory/cgrouptest", "memory/testdir/cgrouptest", "memory/user/me/testdir", "cpu/testdir")
    stays = ("memory/another", "pids/cgrouptest/used", "cpu/user/cgrouptest")
    for name in (*gone, *stays):
        (hierarchies / name).mkdir(parents=True)
    remove_cgroups(hierarchies, own)
    assert [name for name in gone if (hierarchies / name).exists()] == []
    assert all((hierarchies / name).exists() for name in stays)
    assert not (hierarchies / "memory/testdir").exists()
