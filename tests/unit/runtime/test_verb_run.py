"""`orun run`: its declaration. What it does is in test_creation."""

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

from orlop.runtime.verb_create import CREATE_FLAGS
from orlop.runtime.verb_run import VERB


def test_it_takes_the_flags_of_create_and_its_own() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("run", 1, 1)
    assert set(VERB.flags) > set(CREATE_FLAGS)
    own = {name for flag in VERB.flags if flag not in CREATE_FLAGS for name in flag.names}
    assert own == {"detach", "d", "keep", "rm", "no-subreaper"}


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle in tmp_path, on a host with cgroup v2."""
    cgroup = f"{tmp_path}/cgroup/web"
    placement = CgroupPlacement("v2", [CgroupDirectory("", ("memory", "pids"), cgroup, [cgroup])])
    monkeypatch.setattr(creation, "place_cgroup", lambda _config, _id, _proc: placement)
    (tmp_path / "config.json").write_text(json.dumps(sample_config()), encoding="ascii")


@pytest.mark.usefixtures("bundle")
def test_in_the_foreground_the_executor_waits_and_cleans_up(orun: Orun) -> None:
    outcome = orun("run", "web")
    assert (outcome.code, outcome.is_answered) == (None, True)
    names = [step.name for step in outcome.plans[0].outer]
    assert names.index("supervise") < names.index("cleanup")
    assert "await_start" not in outcome.plans[0].names()


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("flag", ["-d", "--detach"])
def test_in_the_background_nobody_waits(orun: Orun, flag: str) -> None:
    (plan,) = orun("run", flag, "web").plans
    names = [step.name for step in plan.outer]
    assert "supervise" not in names
    assert "cleanup" not in names


@pytest.mark.usefixtures("bundle")
def test_keep_leaves_the_container(orun: Orun) -> None:
    (plan,) = orun("run", "--keep", "web").plans
    names = [step.name for step in plan.outer]
    assert "supervise" in names
    assert "cleanup" not in names


@pytest.mark.usefixtures("bundle")
def test_rm_is_the_default(orun: Orun) -> None:
    (plan,) = orun("run", "--rm", "web").plans
    (default,) = orun("run", "web2").plans
    assert plan.names() == default.names()


@pytest.mark.usefixtures("bundle")
def test_orphans_are_adopted_unless_told_otherwise(orun: Orun) -> None:
    (plan,) = orun("run", "web").plans
    (other,) = orun("run", "--no-subreaper", "web2").plans
    assert "subreaper" in plan.names()
    assert "subreaper" not in other.names()
