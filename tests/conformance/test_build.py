"""Tests of the parts of the suite's build that need no Go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from . import build


def test_the_version_is_read_from_what_go_says() -> None:
    assert build.go_version("go version go1.24.4 linux/amd64") == (1, 24)
    assert build.go_version("go version go1.26-devel linux/amd64") == (1, 26)
    assert build.go_version("something else") is None


def test_the_pins_name_the_suite_and_the_spec_that_it_tests() -> None:
    pins = build.PINS.read_text(encoding="utf-8")
    assert build.pinned(build.MODULE, pins) == "v0.9.0"
    assert build.pinned("github.com/opencontainers/runtime-spec", pins) == "v1.0.2"


def test_a_module_without_a_pin_is_an_error() -> None:
    with pytest.raises(build.BuildError, match="no version of"):
        build.pinned("example.invalid/other", "require example.invalid/one v1.0.0\n")


def test_the_cache_is_outside_of_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build.cache_directory() == tmp_path / "orlop-conformance"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert build.cache_directory() == Path.home() / ".cache" / "orlop-conformance"


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (None, r"no `go` on PATH; install it"),
        ("go version go1.19.8 linux/amd64", r"1\.24 or newer; .* says go version"),
    ],
)
def test_a_missing_or_old_go_is_told_with_the_version_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str | None, message: str
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}" if says else str(tmp_path))
    if says:
        go = tmp_path / "go"
        go.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="ascii")
        go.chmod(0o755)
    with pytest.raises(build.BuildError, match=message):
        build.built_suite()
