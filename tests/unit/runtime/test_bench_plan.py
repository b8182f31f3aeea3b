"""The program that writes a plan on its own: what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument
from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.runtime import bench_plan
from orlop.runtime.bench_plan import compile_bundle, main

from .fake_executor import decode_plan
from .samples import sample_config

if TYPE_CHECKING:
    from pathlib import Path


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--no-such"])
    assert caught.value.code == 2
    assert "bench_plan: error: unrecognized arguments: --no-such" in capsys.readouterr().err


def test_a_flag_without_its_value_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--output"])
    assert "argument --output: expected one argument" in capsys.readouterr().err


def test_a_bundle_without_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        main(["--bundle", str(tmp_path), "--output", str(tmp_path / "plan")])
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_that_is_not_valid_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="ascii")
    with pytest.raises(InvalidArgument, match="config"):
        main(["--bundle", str(tmp_path)])


def test_a_name_that_is_no_id_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(sample_config()), encoding="ascii")
    with pytest.raises(InvalidArgument, match='container id: "a/b" is not valid'):
        main(["--bundle", str(tmp_path), "--name", "a/b"])


def test_the_plan_makes_its_state_directory_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placement = CgroupPlacement("v2", [CgroupDirectory("", ("memory", "pids"), "/cg/bench", ["/cg/bench"])])
    monkeypatch.setattr(bench_plan, "place_cgroup", lambda _config, _id, _proc: placement)
    (tmp_path / "config.json").write_text(json.dumps(sample_config()), encoding="ascii")
    plan = decode_plan(compile_bundle(str(tmp_path), "one").encode())
    assert (plan.outer[0].name, plan.outer[0].s0, plan.outer[0].n0) == ("claim", "/run/orun-bench/one", 0o700)
    assert "supervise" in plan.names()
