"""`orun delete`: what it refuses, and what it has taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .samples import make_sample

if TYPE_CHECKING:
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
