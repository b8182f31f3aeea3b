"""`orun resume`: from which status, and what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.runtime.verb_resume import VERB

from .samples import make_cgroup, make_sample

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .conftest import Orun
    from .samples import Sample


def test_it_takes_an_id_only() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum, list(VERB.flags)) == ("resume", 1, 1, [])


def test_a_paused_container_of_v1_is_thawed(
    orun: Orun, root: Path, tmp_path: Path, child: subprocess.Popen[bytes]
) -> None:
    freezer = make_cgroup(tmp_path / "freezer", freezer__state="FROZEN\n")
    make_sample(root, pid=child.pid, cgroups={"freezer": freezer})
    outcome = orun("resume", "web")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert (freezer / "freezer.state").read_text("ascii") == "THAWED"


def test_a_paused_container_of_v2_is_thawed(
    orun: Orun, root: Path, tmp_path: Path, child: subprocess.Popen[bytes]
) -> None:
    cgroup = make_cgroup(tmp_path / "cgroup", cgroup__freeze="1\n", cgroup__events="populated 1\nfrozen 0\n")
    make_sample(root, pid=child.pid, cgroups={"": cgroup})
    assert orun("resume", "web").code == 0
    assert (cgroup / "cgroup.freeze").read_text("ascii") == "0"


def test_a_container_that_was_paused_before_its_start_is_thawed(
    orun: Orun, root: Path, tmp_path: Path, child: subprocess.Popen[bytes]
) -> None:
    freezer = make_cgroup(tmp_path / "freezer", freezer__state="FROZEN\n")
    with make_sample(root, pid=child.pid, cgroups={"freezer": freezer}).waiting_for_start():
        assert orun("resume", "web").code == 0
    assert (freezer / "freezer.state").read_text("ascii") == "THAWED"


def test_a_running_container_is_refused(orun: Orun, running: Sample) -> None:
    outcome = orun("resume", running.id)
    assert (outcome.code, outcome.err) == (
        1,
        'orun: cannot resume container "web": it is running; it must be paused\n',
    )


def test_a_created_container_is_refused(orun: Orun, running: Sample) -> None:
    with running.waiting_for_start():
        outcome = orun("resume", running.id)
    assert outcome.err == 'orun: cannot resume container "web": it is created; it must be paused\n'
