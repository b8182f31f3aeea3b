"""`orun state`: the state document."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from orlop.runtime.verb_state import VERB, describe

from .samples import CREATED, make_sample

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .conftest import Orun
    from .samples import Sample


def test_a_damaged_state_is_an_error(orun: Orun, running: Sample) -> None:
    (running.directory / "state.json").write_text("{", encoding="ascii")
    outcome = orun("state", running.id)
    assert (outcome.code, outcome.out) == (1, "")
    assert "its state.json is damaged" in outcome.err


def test_it_takes_an_id_only() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum, list(VERB.flags)) == ("state", 1, 1, [])


def test_the_document_of_a_stopped_container_has_no_pid(orun: Orun, root: Path) -> None:
    make_sample(root, pid=os.getpid(), startTime=1)
    assert json.loads(orun("state", "web").out) == {
        "ociVersion": "1.0.2",
        "id": "web",
        "pid": 0,
        "status": "stopped",
        "bundle": "/bundle",
        "rootfs": "/bundle/rootfs",
        "created": CREATED,
        "owner": "",
    }


def test_the_document_of_a_running_container_has_its_pid(
    orun: Orun, running: Sample, child: subprocess.Popen[bytes]
) -> None:
    state = json.loads(orun("state", running.id).out)
    assert (state["status"], state["pid"]) == ("running", child.pid)


def test_it_is_indented_as_go_does_it(orun: Orun, stopped: Sample) -> None:
    assert orun("state", stopped.id).out.startswith('{\n  "ociVersion": "1.0.2",\n  "id": "web",\n')


def test_annotations_are_shown_when_there_are_some(root: Path) -> None:
    sample = make_sample(root, annotations={"a": "1"})
    assert describe(sample.container())["annotations"] == {"a": "1"}


def test_a_container_whose_creator_was_killed_before_it_wrote_anything_has_a_document(orun: Orun, root: Path) -> None:
    (root / "web").mkdir(parents=True)
    state = json.loads(orun("state", "web").out)
    assert (state["id"], state["pid"], state["status"], state["bundle"]) == ("web", 0, "stopped", "")


def test_one_that_does_not_exist_is_refused(orun: Orun) -> None:
    outcome = orun("state", "web")
    assert (outcome.code, outcome.err) == (1, 'orun: container "web" does not exist; see orun list\n')
