"""Which peers the benchmark finds, and what it calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtimes import Executor, Runtime, found_peers, peers_directory


def _program(path: Path, says: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {says}\n", encoding="ascii")
    path.chmod(0o755)


def _names(path: Path, newer: Path) -> list[str]:
    return [name for name, _, _ in found_peers(str(path), newer)]


def test_debians_peers_have_bare_names_and_newer_ones_their_versions(tmp_path: Path) -> None:
    _program(tmp_path / "bin" / "runc", "runc version 1.1.5+ds1")
    _program(tmp_path / "newer" / "runc-1.5.2" / "runc", "runc version 1.5.2")
    _program(tmp_path / "newer" / "youki-0.7.0" / "youki", "youki version: 0.7.0")
    found = list(found_peers(str(tmp_path / "bin"), tmp_path / "newer"))
    assert found == [
        ("runc", str(tmp_path / "bin" / "runc"), "runc version 1.1.5+ds1"),
        ("runc 1.5.2", str(tmp_path / "newer" / "runc-1.5.2" / "runc"), "runc version 1.5.2"),
        ("youki", str(tmp_path / "newer" / "youki-0.7.0" / "youki"), "youki version: 0.7.0"),
    ]


def test_one_version_is_measured_once(tmp_path: Path) -> None:
    _program(tmp_path / "bin" / "crun", "crun version 1.8.1")
    _program(tmp_path / "newer" / "bin" / "crun-1.8.1", "crun version 1.8.1")
    assert _names(tmp_path / "bin", tmp_path / "newer") == ["crun"]


def test_other_programs_and_unfinished_builds_are_no_peers(tmp_path: Path) -> None:
    _program(tmp_path / "newer" / "containerd-2.4.2" / "ctr", "ctr 2.4.2")
    _program(tmp_path / "newer" / "containerd-2.4.2" / "runcible", "1.0")
    _program(tmp_path / "newer" / ".building-x" / "runc", "runc version 1.5.2")
    (tmp_path / "newer" / "bin" / "crun").mkdir(parents=True)
    assert _names(tmp_path / "bin", tmp_path / "newer") == []


def test_a_machine_without_peers_has_none(tmp_path: Path) -> None:
    assert _names(tmp_path, tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("environment", "directory"),
    [
        ({"ORLOP_PEERS": "/srv/peers", "XDG_CACHE_HOME": "/c"}, "/srv/peers"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/orlop-peers"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/orlop-peers"),
    ],
)
def test_newer_peers_are_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], directory: str
) -> None:
    monkeypatch.delenv("ORLOP_PEERS", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(peers_directory()) == directory


def test_commands_name_the_state_root_before_the_verb() -> None:
    runtime = Runtime("runc", "/usr/sbin/runc", "1", Path("/r"))
    assert runtime.run_command(Path("/b"), "c") == ["/usr/sbin/runc", "--root", "/r", "run", "--bundle", "/b", "c"]
    assert runtime.command("state", "c") == ["/usr/sbin/runc", "--root", "/r", "state", "c"]
    assert Executor("/x", Path("/p")).run_command(Path("/b"), "c") == ["/x", "/p"]
