"""`orun ps`: pids as JSON, or the lines of ps(1) about them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.runtime.verb_ps import VERB

from .samples import make_cgroup, make_sample

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orun


@pytest.fixture
def cgroup(root: Path, tmp_path: Path) -> Path:
    """The cgroup of a container `web` with the processes 7, 12 and 30."""
    path = make_cgroup(tmp_path / "cgroup", cgroup__procs="30\n7\n")
    make_cgroup(path / "below", cgroup__procs="12\n")
    make_sample(root, cgroups={"": path})
    return path


@pytest.fixture
def ps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that ps prints, which is the only program there is."""
    programs = tmp_path / "bin"
    programs.mkdir()
    output = tmp_path / "ps.out"
    (programs / "ps").write_text(
        f'#!/bin/sh\necho "$@" >{tmp_path}/ps.args\nread -r x <{output} || exit 1\n'
        f'while IFS= read -r line; do echo "$line"; done <{output}\n',
        encoding="ascii",
    )
    (programs / "ps").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    output.write_text(
        "USER         PID    PPID CMD\n"
        "root           7       1 first 30\n"
        "root           8       7 other 7\n"
        "root          12       7 second\n"
        "root\n"
        "root         300      30 third\n"
        "root           3       1 a part of 30\n",
        encoding="ascii",
    )
    return output


def test_it_takes_an_id_and_options_of_ps() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("ps", 1, None)
    assert [flag.names for flag in VERB.flags] == [["format", "f"]]


@pytest.mark.usefixtures("cgroup")
def test_json_is_the_pids_in_order(orun: Orun) -> None:
    assert orun("ps", "-f", "json", "web").out == "[7,12,30]\n"


def test_json_of_no_process_is_null_as_in_go(orun: Orun, root: Path) -> None:
    make_sample(root)
    assert orun("ps", "--format=json", "web").out == "null\n"


@pytest.mark.usefixtures("cgroup", "ps")
def test_the_table_has_the_lines_whose_pid_is_the_containers(orun: Orun, tmp_path: Path) -> None:
    assert orun("ps", "web").out == (
        "USER         PID    PPID CMD\n"
        "root           7       1 first 30\n"
        "root          12       7 second\n"
    )  # fmt: skip
    assert (tmp_path / "ps.args").read_text("ascii") == "-ef\n"


@pytest.mark.usefixtures("cgroup", "ps")
def test_options_are_handed_to_ps(orun: Orun, tmp_path: Path) -> None:
    assert orun("ps", "web", "-o", "pid,cmd").code == 0
    assert (tmp_path / "ps.args").read_text("ascii") == "-o pid,cmd\n"


@pytest.mark.usefixtures("cgroup")
@pytest.mark.parametrize("text", ["USER CMD\nroot x\n", "\n"])
def test_an_output_without_pids_is_refused(orun: Orun, ps: Path, text: str) -> None:
    ps.write_text(text, encoding="ascii")
    outcome = orun("ps", "web", "-o", "user")
    assert (outcome.code, outcome.err) == (1, "orun: ps -o user: its output has no PID column; add one\n")


@pytest.mark.usefixtures("cgroup")
def test_options_that_ps_refuses_are_told(orun: Orun, ps: Path) -> None:
    (ps.parent / "bin" / "ps").write_text("#!/bin/sh\necho 'error: bad option' >&2\nexit 1\n", encoding="ascii")
    outcome = orun("ps", "web", "--nope")
    assert (outcome.code, outcome.err) == (1, "orun: ps --nope: error: bad option; correct the ps options\n")


@pytest.mark.usefixtures("cgroup")
def test_a_host_without_ps_is_told_what_to_do(orun: Orun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    outcome = orun("ps", "web")
    assert outcome.err == "orun: this host has no ps(1); install procps, or use --format json\n"


@pytest.mark.usefixtures("cgroup")
def test_an_unknown_format_is_refused(orun: Orun) -> None:
    assert orun("ps", "-f", "xml", "web").err == 'orun: --format: "xml" is no format of ps; use table or json\n'
