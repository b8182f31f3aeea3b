"""`orun create`: its declaration. What it does is in test_creation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.runtime import creation

from .samples import sample_config

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orun

from orlop.runtime.verb_create import CREATE_FLAGS, VERB


def test_it_takes_one_id_and_runcs_flags() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("create", 1, 1)
    assert {name for flag in CREATE_FLAGS for name in flag.names} == {
        "bundle",
        "b",
        "console-socket",
        "pidfd-socket",
        "pid-file",
        "no-pivot",
        "no-new-keyring",
        "preserve-fds",
    }


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle in tmp_path, on a host with cgroup v2."""
    cgroup = f"{tmp_path}/cgroup/web"
    placement = CgroupPlacement("v2", [CgroupDirectory("", ("memory", "pids"), cgroup, [cgroup])])
    monkeypatch.setattr(creation, "place_cgroup", lambda _config, _id, _proc: placement)
    (tmp_path / "config.json").write_text(json.dumps(sample_config()), encoding="ascii")


@pytest.mark.usefixtures("bundle")
def test_init_waits_for_start(orun: Orun) -> None:
    (plan,) = orun("create", "web").plans
    assert "await_start" in plan.names()
    assert "supervise" not in plan.names()


@pytest.mark.usefixtures("bundle")
def test_the_callers_keyring_is_kept_only_when_asked_for(orun: Orun) -> None:
    (with_it,) = orun("create", "web").plans
    (without,) = orun("create", "--no-new-keyring", "web2").plans
    assert "keyring" in with_it.names()
    assert "keyring" not in without.names()


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(("words", "number"), [([], 0), (["--no-pivot"], 1)])
def test_the_root_is_moved_instead_of_pivoted_only_when_asked_for(orun: Orun, words: list[str], number: int) -> None:
    (plan,) = orun("create", *words, "web").plans
    assert [step.n0 for step in plan.inner if step.name == "pivot_root"] == [number]


@pytest.mark.usefixtures("bundle")
def test_a_pidfd_goes_to_the_socket(orun: Orun, tmp_path: Path) -> None:
    (plan,) = orun("create", "--pidfd-socket", "s", "web").plans
    assert ("pidfd_send", f"{tmp_path}/s") in [(step.name, step.s0) for step in plan.outer]


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("container_id", ["", "a/b", "..", ".hidden", "a b", "x" * 201])
def test_what_is_no_id_is_refused_and_makes_nothing(orun: Orun, root: Path, container_id: str) -> None:
    outcome = orun("create", container_id)
    assert (outcome.code, outcome.plans) == (1, [])
    assert outcome.err.startswith("orun: container id: ")
    assert not root.exists()
