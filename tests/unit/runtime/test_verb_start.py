"""`orun start`: from which status, and what a failed hook takes back."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from orlop.runtime.verb_start import VERB

from .fake_executor import DONE, FAIL, frame, report
from .samples import make_cgroup, make_sample, sample_config

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .conftest import Orun
    from .samples import Sample


def test_it_takes_an_id_only() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum, list(VERB.flags)) == ("start", 1, 1, [])


def test_the_plan_lets_init_go(orun: Orun, running: Sample) -> None:
    with running.waiting_for_start():
        outcome = orun("start", running.id)
    assert (outcome.code, outcome.err, outcome.is_answered) == (None, "", True)
    (plan,) = outcome.plans
    assert [(step.name, step.s0) for step in plan.outer] == [
        ("open", str(running.directory)),
        ("connect_start", "start.sock"),
        ("unlink", "start.sock"),
    ]
    assert (plan.inner, plan.cleanup) == ([], [])


def test_the_hooks_are_those_of_the_configuration_at_create(
    orun: Orun, root: Path, child: subprocess.Popen[bytes]
) -> None:
    config = sample_config()
    config["hooks"] = {"poststart": [{"path": "/hook", "args": ["hook", "x"]}]}
    sample = make_sample(root, pid=child.pid, config=config)
    with sample.waiting_for_start():
        (plan,) = orun("start", sample.id).plans
    hook = plan.outer[-1]
    assert (hook.name, hook.s0) == ("hook", "/hook")
    assert f'"pid":{child.pid}' in hook.s1


def test_a_running_container_is_refused(orun: Orun, running: Sample) -> None:
    outcome = orun("start", running.id)
    assert (outcome.code, outcome.plans) == (1, [])
    assert outcome.err == (
        'orun: cannot start container "web": it is running; only a created container can be started\n'
    )


def test_a_stopped_container_is_refused(orun: Orun, stopped: Sample) -> None:
    outcome = orun("start", stopped.id)
    assert outcome.err == (
        'orun: cannot start container "web": it is stopped; only a created container can be started\n'
    )


def test_a_paused_container_is_refused(orun: Orun, root: Path, tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    freezer = make_cgroup(tmp_path / "freezer", freezer__state="FROZEN\n")
    with make_sample(root, pid=child.pid, cgroups={"freezer": freezer}).waiting_for_start():
        outcome = orun("start", "web")
    assert (outcome.code, outcome.plans) == (1, [])
    assert outcome.err == 'orun: cannot start container "web": it is paused; resume it first\n'


def test_one_that_is_still_being_created_is_refused(orun: Orun, running: Sample) -> None:
    with running.waiting_for_start(), running.locked():
        outcome = orun("start", running.id)
    assert outcome.err == (
        'orun: cannot start container "web": it is creating; only a created container can be started\n'
    )


def test_a_hook_that_fails_takes_the_container_back(
    orun: Orun, root: Path, tmp_path: Path, child: subprocess.Popen[bytes]
) -> None:
    cgroup = make_cgroup(tmp_path / "cgroup")
    sample = make_sample(root, pid=child.pid, cgroups={"": cgroup})
    failed = report(FAIL, "hook", where=2, status=256, detail="/hook exited with status 1")
    with sample.waiting_for_start():
        outcome = orun("start", sample.id, answers=(failed, frame(DONE)))
    assert child.wait(timeout=120) == -signal.SIGKILL
    _, destroy = outcome.plans
    assert destroy.flags & 2, "the executor is kept, to be told of the failure"
    assert ("rmdir", str(cgroup)) in [(step.name, step.s0) for step in destroy.cleanup]
    assert outcome.code == 1
    assert outcome.err.startswith('orun: cannot start container "web": config.json: hooks.startContainer: ')


@pytest.mark.parametrize("operation", ["execve", "seccomp", "connect_start"])
def test_another_failure_leaves_the_container(
    orun: Orun, running: Sample, child: subprocess.Popen[bytes], operation: str
) -> None:
    with running.waiting_for_start():
        outcome = orun("start", running.id, answers=(report(FAIL, operation, index=1, errno=2), frame(DONE)))
    assert (outcome.code, len(outcome.plans)) == (1, 1)
    assert child.poll() is None
