"""Processes of a cgroup, from directories that stand for cgroups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.runtime.cgroup_processes import any_directory, process_ids, remove_tree

if TYPE_CHECKING:
    from pathlib import Path


def test_one_directory_that_has_them_all() -> None:
    assert any_directory({"cpu": "/c", "pids": "/p", "": "/u"}) == "/p"
    assert any_directory({"": "/u"}) == "/u"
    assert any_directory({}) is None


def test_processes_below_count_too(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "cgroup.procs").write_text("9\n3\n", encoding="ascii")
    (tmp_path / "below" / "cgroup.procs").write_text("5\n", encoding="ascii")
    assert process_ids({"pids": str(tmp_path)}) == [3, 5, 9]
    assert process_ids({"pids": str(tmp_path / "gone")}) == []
    assert process_ids({}) == []


def test_a_tree_is_removed_from_its_leaves_and_its_top_stays(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "file").write_text("", encoding="ascii")
    remove_tree(str(tmp_path))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["busy"]
