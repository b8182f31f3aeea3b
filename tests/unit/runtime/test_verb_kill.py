"""`orun kill`: which signal reaches whom."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from orlop.runtime.verb_kill import VERB

from .samples import make_cgroup, make_sample

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .conftest import Orun
    from .samples import Sample


def test_it_takes_an_id_and_a_signal() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("kill", 1, 2)
    assert [flag.names for flag in VERB.flags] == [["all", "a"]]


@pytest.mark.parametrize(
    ("words", "number"), [([], signal.SIGTERM), (["KILL"], signal.SIGKILL), (["sigusr1"], signal.SIGUSR1), (["9"], 9)]
)
def test_the_signal_is_a_name_or_a_number_and_sigterm_by_default(
    orun: Orun, running: Sample, child: subprocess.Popen[bytes], words: list[str], number: int
) -> None:
    assert orun("kill", running.id, *words).code == 0
    assert child.wait(timeout=120) == -number


def test_signal_zero_only_asks(orun: Orun, running: Sample, child: subprocess.Popen[bytes]) -> None:
    assert orun("kill", running.id, "0").code == 0
    assert child.poll() is None


@pytest.mark.parametrize("text", ["NOPE", "65", "-9", "", " 9", "+9"])
def test_another_word_is_no_signal(orun: Orun, running: Sample, child: subprocess.Popen[bytes], text: str) -> None:
    outcome = orun("kill", running.id, text)
    assert outcome.code == 1
    assert outcome.err == f'orun: "{text}" is no signal; write a name such as KILL, or a number from 0 to 64\n'
    assert child.poll() is None


def test_a_stopped_container_is_refused(orun: Orun, stopped: Sample) -> None:
    outcome = orun("kill", stopped.id, "KILL")
    assert outcome.code == 1
    assert outcome.err == 'orun: cannot signal container "web": it is not running; see orun state\n'


def test_another_process_with_the_pid_is_not_hit(orun: Orun, root: Path, child: subprocess.Popen[bytes]) -> None:
    make_sample(root, pid=child.pid, startTime=1)
    assert orun("kill", "web", "KILL").code == 1
    assert child.poll() is None


def test_all_reaches_every_process_of_the_cgroup(
    orun: Orun, root: Path, tmp_path: Path, child: subprocess.Popen[bytes]
) -> None:
    cgroup = make_cgroup(tmp_path / "cgroup")
    make_cgroup(cgroup / "below", cgroup__procs=f"{child.pid}\n")
    make_sample(root, cgroups={"": cgroup})
    assert orun("kill", "--all", "web", "KILL").code == 0
    assert child.wait(timeout=120) == -signal.SIGKILL


def test_all_of_a_container_without_processes_is_no_error(orun: Orun, stopped: Sample) -> None:
    assert orun("kill", "-a", stopped.id, "KILL").code == 0


@pytest.mark.parametrize(("name", "state"), [("KILL", "THAWED"), ("TERM", "FROZEN")])
def test_sigkill_thaws_a_frozen_container_of_v1_so_that_it_can_die(
    orun: Orun, root: Path, tmp_path: Path, child: subprocess.Popen[bytes], name: str, state: str
) -> None:
    cgroup = make_cgroup(tmp_path / "freezer", freezer__state="FROZEN\n")
    make_sample(root, pid=child.pid, cgroups={"freezer": cgroup})
    assert orun("kill", "web", name).code == 0
    assert (cgroup / "freezer.state").read_text("ascii").strip() == state
