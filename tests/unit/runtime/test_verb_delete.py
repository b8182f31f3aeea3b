"""`orun delete`: what it refuses, and what it has taken back."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from orlop.runtime import state_directory
from orlop.runtime.verb_delete import VERB

from .fake_executor import DONE, WARN, frame, report
from .samples import make_cgroup, make_sample, sample_config

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .conftest import Orun
    from .samples import Sample


def test_a_running_container_is_refused(orun: Orun, running: Sample) -> None:
    outcome = orun("delete", running.id)
    assert outcome.code == 1
    assert outcome.err == (
        f'orun: cannot delete container "{running.id}": it is running; stop it with orun kill, or use --force\n'
    )


def test_a_container_that_does_not_exist_is_an_error_unless_forced(orun: Orun) -> None:
    assert orun("delete", "none").code == 1
    assert orun("delete", "--force", "none").code == 0


def test_a_stopped_container_is_taken_back_by_a_plan(orun: Orun, stopped: Sample) -> None:
    outcome = orun("delete", stopped.id)
    assert outcome.code == 0
    (plan,) = outcome.plans
    assert plan.names()[0] == "cleanup"
    assert plan.names()[-1] == "rmdir"


def test_files_that_a_killed_writer_left_are_removed(orun: Orun, stopped: Sample) -> None:
    left = [stopped.directory / name for name in (".config.json", ".state.json", ".state.json.4242")]
    for path in left:
        path.write_text("{", encoding="ascii")
    assert orun("delete", "-f", stopped.id).code == 0
    assert not any(path.exists() for path in left)


def test_a_state_that_is_not_whole_can_be_deleted(orun: Orun, root: Path) -> None:
    sample = make_sample(root)
    (sample.directory / "state.json").write_text("", encoding="ascii")
    (sample.directory / "config.json").write_text(json.dumps({})[:1], encoding="ascii")
    assert orun("delete", "-f", sample.id).code == 0


@pytest.mark.parametrize("text", ["garbage", "[]", '{"pid": "1"}', '{"pid": 1, "bundle": "/b", "cgroups": []}'])
def test_a_damaged_state_is_refused(orun: Orun, running: Sample, text: str) -> None:
    (running.directory / "state.json").write_text(text, encoding="ascii")
    outcome = orun("delete", running.id)
    assert (outcome.code, outcome.plans) == (1, [])
    assert outcome.err.startswith('orun: container "web": its state.json is damaged, so what it has is not known; ')


@pytest.mark.parametrize("text", ["", "[]", '{"linux": 1}'])
def test_with_a_damaged_configuration_too_force_removes_the_state_alone(orun: Orun, stopped: Sample, text: str) -> None:
    for name in ("state.json", "config.json"):
        (stopped.directory / name).write_text(text, encoding="ascii")
    (plan,) = orun("delete", "-f", stopped.id).plans
    assert [step.name for step in plan.cleanup] == ["unlink", "unlink", "unlink", "rmdir"]


def test_it_takes_an_id_only() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("delete", 1, 1)
    assert [flag.names for flag in VERB.flags] == [["force", "f"]]


def test_cgroups_go_before_the_hooks_and_the_state_directory_last(orun: Orun, root: Path, tmp_path: Path) -> None:
    config = sample_config()
    config["hooks"] = {"poststop": [{"path": "/hook"}]}
    memory, pids = make_cgroup(tmp_path / "memory"), make_cgroup(tmp_path / "pids")
    sample = make_sample(root, cgroups={"memory": memory, "pids": pids}, config=config)
    (plan,) = orun("delete", sample.id).plans
    done = [(step.name, step.s0) for step in plan.cleanup]
    assert done.index(("rmdir", str(memory))) < done.index(("rmdir", str(pids))) < done.index(("hook", "/hook"))
    assert done[-1] == ("rmdir", str(sample.directory))


def test_cgroups_below_the_containers_are_removed(orun: Orun, root: Path, tmp_path: Path) -> None:
    cgroup = tmp_path / "cgroup"
    (cgroup / "a" / "b").mkdir(parents=True)
    make_sample(root, cgroups={"": cgroup})
    assert len(orun("delete", "web").plans) == 1
    assert cgroup.exists()
    assert list(cgroup.iterdir()) == []


def test_a_created_container_is_ended(orun: Orun, running: Sample, child: subprocess.Popen[bytes]) -> None:
    with running.waiting_for_start():
        outcome = orun("delete", running.id)
    assert len(outcome.plans) == 1
    assert child.wait(timeout=120) == -signal.SIGKILL


def test_one_that_is_being_created_is_refused(orun: Orun, stopped: Sample) -> None:
    with stopped.locked():
        outcome = orun("delete", stopped.id)
    assert outcome.err == (
        'orun: cannot delete container "web": it is creating; stop it with orun kill, or use --force\n'
    )


def test_force_ends_a_running_container(orun: Orun, running: Sample, child: subprocess.Popen[bytes]) -> None:
    assert len(orun("delete", "--force", running.id).plans) == 1
    assert child.wait(timeout=120) == -signal.SIGKILL


def test_force_thaws_a_paused_container_first(
    orun: Orun, root: Path, tmp_path: Path, child: subprocess.Popen[bytes]
) -> None:
    freezer = make_cgroup(tmp_path / "freezer", freezer__state="FROZEN\n")
    make_sample(root, pid=child.pid, cgroups={"freezer": freezer})
    assert len(orun("delete", "-f", "web").plans) == 1
    assert (freezer / "freezer.state").read_text("ascii") == "THAWED"


def test_force_waits_for_a_creator_but_not_for_ever(
    orun: Orun, stopped: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_directory, "_LOCK_TIMEOUT_S", 0.02)
    with stopped.locked():
        outcome = orun("delete", "-f", stopped.id)
    assert (outcome.code, outcome.plans) == (1, [])
    assert outcome.err == 'orun: container "web" is still being created; try again\n'


def test_what_is_no_id_is_an_error_with_force_too(orun: Orun) -> None:
    assert orun("delete", "-f", "../web").code == 1


def test_a_directory_whose_creator_was_killed_at_once_can_be_deleted(orun: Orun, root: Path) -> None:
    (root / "web").mkdir(parents=True)
    (plan,) = orun("delete", "web").plans
    assert (plan.cleanup[-1].name, plan.cleanup[-1].s0) == ("rmdir", f"{root}/web")


@pytest.mark.parametrize(("operation", "code"), [("rmdir", 1), ("hook", 0)])
def test_what_the_executor_left_is_an_error_but_a_failed_hook_is_not(
    orun: Orun, stopped: Sample, operation: str, code: int
) -> None:
    warning = report(WARN, operation, section=2, index=3, errno=16, detail="x")
    outcome = orun("delete", stopped.id, answers=(warning, frame(DONE)))
    assert outcome.code == code
    assert outcome.err.endswith("; delete it again when the reason is gone\n" if code else "")
    assert outcome.err.startswith('orun: cannot delete container "web": ' if code else "")
