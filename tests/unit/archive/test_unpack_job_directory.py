"""Directories of running helpers: locked by who made them, and found when that one is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orlop.archive.unpack_job_directory import JobDirectory
from orlop.oci.container_id import parse_container_id

if TYPE_CHECKING:
    from pathlib import Path


def test_a_directory_is_private_and_named_as_its_container(tmp_path: Path) -> None:
    made = JobDirectory.make(tmp_path / "state")
    assert made.path.parent == tmp_path / "state/jobs"
    assert made.path.stat().st_mode & 0o777 == 0o700
    assert made.path.parent.stat().st_mode & 0o777 == 0o700
    assert parse_container_id(made.container_id) == made.path.name
    made.remove()
    assert list(made.path.parent.iterdir()) == []


def test_it_becomes_a_bundle(tmp_path: Path) -> None:
    made = JobDirectory.make(tmp_path)
    made.write_config({"ociVersion": "1.2.1"})
    assert json.loads((made.path / "config.json").read_text(encoding="utf-8")) == {"ociVersion": "1.2.1"}
    made.remove()


def test_one_that_is_in_use_is_not_left_behind(tmp_path: Path) -> None:
    made = [JobDirectory.make(tmp_path) for _ in range(3)]
    assert list(JobDirectory.left_behind(tmp_path)) == []
    for one in made:
        one.remove()


def test_one_without_its_maker_is_found_and_removed(tmp_path: Path) -> None:
    used = JobDirectory.make(tmp_path)
    (tmp_path / "jobs/unpack-0123456789abcdef").mkdir()
    (tmp_path / "jobs/unpack-0123456789abcdef/config.json").touch()
    (tmp_path / "jobs/unpack-file").touch()
    (tmp_path / "jobs/other").mkdir()
    found = list(JobDirectory.left_behind(tmp_path))
    assert [one.container_id for one in found] == ["unpack-0123456789abcdef"]
    assert list(JobDirectory.left_behind(tmp_path)) == []  # it is locked now
    found[0].remove()
    used.remove()
    assert sorted(one.name for one in (tmp_path / "jobs").iterdir()) == ["other", "unpack-file"]


def test_where_nothing_was_nothing_is_left_behind(tmp_path: Path) -> None:
    assert list(JobDirectory.left_behind(tmp_path / "none")) == []
