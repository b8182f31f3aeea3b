"""A container whose state.json cannot be read: the cgroups that its configuration gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.runtime import lost_record
from orlop.runtime.lost_record import cgroups_of_config
from orlop.runtime.state_directory import StateRoot

from .samples import make_cgroup, make_sample

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two hierarchies; of the third directory that the container would have there is nothing."""
    for name in ("memory", "pids"):
        make_cgroup(tmp_path / name)
    placement = CgroupPlacement(
        "v1", [CgroupDirectory(name, [name], str(tmp_path / name), ()) for name in ("memory", "pids", "cpu")]
    )
    monkeypatch.setattr(lost_record, "place_cgroup", lambda *_: placement)
    return tmp_path


def test_those_that_exist_are_its_own(here: Path, root: Path) -> None:
    found = cgroups_of_config(make_sample(root).container(), StateRoot(str(root)), "/proc/self")
    assert found == {"memory": str(here / "memory"), "pids": str(here / "pids")}


def test_what_another_container_has_is_left_to_it(here: Path, root: Path) -> None:
    make_sample(root, "other", cgroups={"memory": here / "memory"})
    found = cgroups_of_config(make_sample(root).container(), StateRoot(str(root)), "/proc/self")
    assert found == {"pids": str(here / "pids")}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ociVersion": "1.0.2", "linux": {"cgroupsPath": 1}}'])
def test_without_a_whole_configuration_there_are_none(root: Path, text: str) -> None:
    sample = make_sample(root)
    (sample.directory / "config.json").write_text(text, encoding="ascii")
    assert (
        cgroups_of_config(StateRoot(str(root)).find(sample.id, or_damaged=True), StateRoot(str(root)), "/proc/self")
        == {}
    )
