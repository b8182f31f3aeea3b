"""`orun explain`: the plan of `run`, told; nothing is executed and nothing is left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.runtime import creation
from orlop.runtime.verb_explain import VERB

from .samples import make_cgroup, sample_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Orun


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a bundle `b` on a host with cgroup v2; `keys` replace those of the whole configuration."""
    cgroup = f"{tmp_path}/cgroup/ID"
    placement = CgroupPlacement("v2", [CgroupDirectory("", ("memory", "pids"), cgroup, [cgroup])])
    monkeypatch.setattr(creation, "place_cgroup", lambda _config, _id, _proc: placement)

    def write(**keys: Any) -> Path:
        path = tmp_path / "b" / "config.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**sample_config(), **keys}), encoding="ascii")
        return path

    return write


def test_it_takes_one_configuration() -> None:
    assert (VERB.minimum, VERB.maximum) == (0, 1)
    assert [flag.names for flag in VERB.flags] == [["bundle", "b"], ["format", "f"]]


@pytest.mark.parametrize("words", [["--bundle", "b"], ["b"], ["b/config.json"], ["-f", "table", "b"]])
def test_a_bundle_or_a_file_is_explained_and_nothing_is_left(
    orun: Orun, bundle: Callable[..., Path], tmp_path: Path, words: list[str]
) -> None:
    bundle()
    outcome = orun("explain", *words)
    assert (outcome.code, outcome.err, outcome.plans) == (0, "", [])
    assert "\nhostname: orun\n" in outcome.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["config.json"]


def test_without_a_name_it_is_the_callers_directory(orun: Orun, bundle: Callable[..., Path]) -> None:
    path = bundle()
    assert orun("explain", cwd=str(path.parent)).out == orun("explain", "b").out


def test_what_is_explained_is_what_run_executes(orun: Orun, bundle: Callable[..., Path]) -> None:
    bundle(hooks={"poststop": [{"path": "/bin/true"}]})
    outcome = orun("explain", "-f", "json", "b")
    document = json.loads(outcome.out)
    (plan,) = orun("run", "--bundle", "b", "ID").plans
    told = {
        (one["section"], one["index"]): one["operation"]
        for entry in (*document["fields"], *document["runtime"])
        for one in entry["operations"]
    }
    for section in ("outer", "inner", "cleanup"):
        names = [step.name for step in getattr(plan, section)]
        assert [told[section, index] for index in range(len(names))] == names
    assert len(told) == len(plan.names())


def test_mermaid(orun: Orun, bundle: Callable[..., Path]) -> None:
    bundle()
    assert orun("explain", "--format", "mermaid", "b").out.startswith("sequenceDiagram\n")


def test_an_invalid_configuration_is_the_usual_error(orun: Orun, bundle: Callable[..., Path], tmp_path: Path) -> None:
    path = bundle(hostname=5)
    outcome = orun("explain", "b")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (f"orun: cannot explain {path}: config.json: hostname: 5 is not a string; write a string\n")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b"]


def test_a_configuration_without_a_process_has_no_plan(orun: Orun, bundle: Callable[..., Path]) -> None:
    path = bundle()
    config = json.loads(path.read_text("ascii"))
    del config["process"]
    path.write_text(json.dumps(config), encoding="ascii")
    assert "config.json: process: it is missing" in orun("explain", "b").err


def test_what_the_compiler_refuses_is_refused(orun: Orun, bundle: Callable[..., Path]) -> None:
    bundle(mounts=[{"destination": "/", "type": "tmpfs"}])
    assert "config.json: mounts[0].destination: " in orun("explain", "b").err


def test_a_format_that_it_has_not(orun: Orun) -> None:
    assert orun("explain", "-f", "yaml").err == (
        'orun: --format: "yaml" is no format of explain; use table, json or mermaid\n'
    )


def test_a_configuration_is_named_once(orun: Orun) -> None:
    assert orun("explain", "-b", "x", "y").err == (
        "orun: --bundle: the configuration is named twice; give --bundle or an argument\n"
    )


def test_a_file_that_is_not_there(orun: Orun, tmp_path: Path) -> None:
    assert orun("explain", "none").err == (
        f"orun: {tmp_path}/none does not exist; name a config.json, or the directory of a bundle\n"
    )


def test_a_terminal_needs_nobody_to_take_it(orun: Orun, bundle: Callable[..., Path]) -> None:
    config = sample_config()
    config["process"]["terminal"] = True
    bundle(process=config["process"])
    assert "console" in orun("explain", "b").out


def test_a_filter_is_compiled_and_not_cached(orun: Orun, bundle: Callable[..., Path], root: Path) -> None:
    linux = sample_config()["linux"] | {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}
    bundle(linux=linux)
    assert "load the filter of " in orun("explain", "b").out
    assert not root.exists()


def test_the_bundle_of_a_running_container_can_be_explained(
    orun: Orun, bundle: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle()
    cgroup = make_cgroup(tmp_path / "cgroup" / "web", cgroup__procs="7\n")
    placement = CgroupPlacement("v2", [CgroupDirectory("", (), str(cgroup), ())])
    monkeypatch.setattr(creation, "place_cgroup", lambda _config, _id, _proc: placement)
    assert "has processes already" in orun("run", "-b", "b", "web").err
    assert orun("explain", "b").code == 0
