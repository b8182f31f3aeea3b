"""`orlop image from-host`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop


def test_an_image_of_programs_runs_the_first(orlop: Orlop) -> None:
    out = orlop.out("image", "from-host", "--name", "tools", "true", "ls")
    assert out.startswith("docker.io/library/tools:latest@sha256:")
    [found] = orlop("image", "inspect", "tools").json
    words = (found["config"].get("Entrypoint") or []) + (found["config"].get("Cmd") or [])
    assert words[0].endswith("true")


def test_flags_say_what_it_runs_otherwise(orlop: Orlop) -> None:
    options = ["--cmd", "ls '/a b'", "-e", "A=1", "-w", "/tmp", "-l", "a=b"]
    done = orlop("image", "from-host", "true", "ls", "--name", "tools:1", *options, "--format", "json").json
    assert done["name"] == "docker.io/library/tools:1"
    [found] = orlop("image", "inspect", "tools:1").json
    assert (found["config"]["Cmd"], found["config"]["WorkingDir"]) == (["ls", "/a b"], "/tmp")
    assert "A=1" in found["config"]["Env"]
    assert found["config"]["Labels"] == {"a": "b"}


def test_other_flags_leave_the_first_program(orlop: Orlop) -> None:
    orlop.out("image", "from-host", "--name", "tools", "-e", "A=1", "true")
    assert orlop("image", "inspect", "tools").json[0]["config"]["Cmd"] == ["true"]


def test_a_program_that_is_not_there_makes_no_image(orlop: Orlop, tmp_path: Path) -> None:
    assert str(tmp_path / "none") in orlop.error("image", "from-host", "--name", "tools", str(tmp_path / "none"))
    assert orlop.out("images", "-q") == ""
    assert orlop.error("image", "from-host", "true").startswith("image from-host: the following arguments are required")
