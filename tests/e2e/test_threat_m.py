"""Threat M: names, environment and log lines that carry more than one line (CVE-2022-4318, CVE-2026-15809)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from .container import Container

_BAD_IDS = ["../x", "..", ".", "a/b", "/x", "", "a b", "a\nb", "a\tb", "a\x1b[0m", "ä", "a%2e", "a:b", "a*"]


@pytest.mark.parametrize("container_id", _BAD_IDS)
@pytest.mark.parametrize("verb", ["create", "run"])
def test_threat_m_an_id_with_other_characters_is_refused(container: Container, verb: str, container_id: str) -> None:
    bundle = container.bundle.write()
    outcome = container.runtime.call(verb, "--bundle", bundle, container_id)
    assert outcome.code == 1
    root = container.runtime.root
    assert not root.exists() or [one.name for one in root.iterdir() if not one.name.startswith(".")] == []
    assert not (root.parent / "x").exists()


@pytest.mark.parametrize("container_id", ["../x", "..", "a/b", "/x"])
@pytest.mark.parametrize("verb", ["state", "start", "kill", "delete", "pause", "ps"])
def test_threat_m_no_verb_leaves_the_root_directory(container: Container, verb: str, container_id: str) -> None:
    outside = container.runtime.directory / "x"
    outside.mkdir()
    (outside / "state.json").write_text("{}")
    container.runtime.root.mkdir()
    flags = ("--force",) if verb == "delete" else ()
    container.runtime.call(verb, *flags, container_id)
    assert (outside / "state.json").read_text() == "{}"


def test_threat_m_an_id_does_not_begin_with_a_dot(container: Container) -> None:
    assert container.runtime.call("create", "--bundle", container.bundle.write(), ".hidden").code == 1


@pytest.mark.parametrize("container_id", ["a", "A-1_2.3", "0", "a+b"])
def test_threat_m_a_plain_id_is_accepted(container: Container, container_id: str) -> None:
    container.id = f"{container_id}-{container.id}"
    container.run("true").check()


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\x1b", "\x00", "\x7f"])
def test_threat_m_a_home_with_a_control_character_is_refused(
    container: Container, is_orun: bool, character: str
) -> None:
    container.config["process"]["env"].append(f"HOME=/home{character}x")
    outcome = container.run("true").refused()
    assert "process.env[" in outcome.err or not is_orun
    assert len(outcome.err.splitlines()) == 1


def test_threat_m_a_home_of_exec_with_a_control_character_is_refused(container: Container) -> None:
    container.run_detached()
    outcome = container.exec("true", flags=("--env", "HOME=/x\nroot::0:0::/:/bin/sh")).refused()
    assert "HOME" in outcome.err


def test_threat_m_other_variables_may_have_several_lines(container: Container) -> None:
    container.config["process"]["env"].append("TEXT=one\ntwo")
    assert container.run_sh('echo "$TEXT"').check().out == "one\ntwo\n"


def test_threat_m_a_home_in_passwd_of_the_host_is_not_read(container: Container, directory: Path) -> None:
    (directory / "passwd").write_text("root:x:0:0::/of-the-host:/bin/sh\n")
    (container.rootfs / "etc/passwd").unlink()
    (container.rootfs / "etc/passwd").symlink_to(directory / "passwd")
    assert "of-the-host" not in container.run_sh("echo $HOME").out


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_threat_m_a_line_break_makes_no_second_line_in_the_log(
    container: Container, directory: Path, log_format: str
) -> None:
    log = directory / "log"
    container.config["process"]["args"] = ['no-such\n{"level":"info","msg":"forged"}\ntime="x" level=info msg=forged']
    words = ("--log", log, "--log-format", log_format, "run", "--bundle", container.bundle.write(), container.id)
    assert container.runtime.call(*words).code == 1
    for line in log.read_text().splitlines():
        if log_format == "json":
            assert json.loads(line)["level"] in ("error", "warning")
        else:
            assert line.startswith("time=")
            assert "level=info" not in line.split("msg=")[0]


def test_threat_m_stderr_is_one_line_without_control_characters(container: Container) -> None:
    container.config["process"]["args"] = ["no-such\x1b[2J\nforged"]
    outcome = container.run()
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) == 1
    assert "\x1b" not in outcome.err
