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


def test_the_order_of_preference_is_fixed() -> None:
    paths = {"freezer": "/f", "name=systemd": "/s", "memory": "/m", "pids": "/p"}
    for expected in ("/p", "/m", "/s", "/f"):
        assert any_directory(paths) == expected
        paths = {name: path for name, path in paths.items() if path != expected}


def test_a_link_below_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other" / "below").mkdir(parents=True)
    (tmp_path / "other" / "cgroup.procs").write_text("7\n", encoding="ascii")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "link").symlink_to(tmp_path / "other")
    assert process_ids({"": str(tmp_path / "web")}) == []
    remove_tree(str(tmp_path / "web"))
    assert (tmp_path / "other" / "below").exists()


def test_a_process_that_is_seen_twice_counts_once(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for directory in (tmp_path, tmp_path / "below"):
        (directory / "cgroup.procs").write_text("5\n", encoding="ascii")
    assert process_ids({"": str(tmp_path)}) == [5]
