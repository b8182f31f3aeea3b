"""`orun pause`: from which status, and what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.runtime.verb_pause import VERB

from .samples import make_cgroup, make_sample

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .conftest import Orun
    from .samples import Sample


@pytest.fixture
def freezer(tmp_path: Path) -> Path:
    """A freezer of v1, not frozen."""
    return make_cgroup(tmp_path / "freezer", freezer__state="THAWED\n")


@pytest.fixture
def freezable(root: Path, freezer: Path, child: subprocess.Popen[bytes]) -> Sample:
    """A running container in that freezer."""
    return make_sample(root, pid=child.pid, cgroups={"freezer": freezer})


def test_it_takes_an_id_only() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum, list(VERB.flags)) == ("pause", 1, 1, [])


def test_a_running_container_is_frozen(orun: Orun, freezable: Sample, freezer: Path) -> None:
    outcome = orun("pause", freezable.id)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert (freezer / "freezer.state").read_text("ascii") == "FROZEN"
    assert freezable.container().status() == "paused"


def test_a_created_container_is_frozen_too(orun: Orun, freezable: Sample, freezer: Path) -> None:
    with freezable.waiting_for_start():
        assert orun("pause", freezable.id).code == 0
    assert (freezer / "freezer.state").read_text("ascii") == "FROZEN"


def test_a_paused_container_is_refused(orun: Orun, freezable: Sample, freezer: Path) -> None:
    (freezer / "freezer.state").write_text("FROZEN\n", encoding="ascii")
    outcome = orun("pause", freezable.id)
    assert (outcome.code, outcome.err) == (
        1,
        'orun: cannot pause container "web": it is paused; it must be running or created\n',
    )


def test_a_stopped_container_is_refused(orun: Orun, stopped: Sample) -> None:
    outcome = orun("pause", stopped.id)
    assert outcome.err == 'orun: cannot pause container "web": it is stopped; it must be running or created\n'


def test_a_host_without_a_freezer_is_told_what_to_do(orun: Orun, running: Sample) -> None:
    outcome = orun("pause", running.id)
    assert outcome.err == "orun: this host has no cgroup freezer; mount cgroup v2, or the v1 freezer\n"
