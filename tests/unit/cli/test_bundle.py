"""`orlop bundle`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .test_image_mount import unmounted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Orlop

pytestmark = pytest.mark.needs_root


@pytest.fixture
def bundle(orlop: Orlop, tmp_path: Path) -> Iterator[Path]:
    """Where a bundle may be made, of an image that is there."""
    orlop.put("docker.io/library/a:1")
    with unmounted(orlop, tmp_path / "new" / "bundle" / "rootfs"):
        yield tmp_path / "new" / "bundle"


def _config(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle / "config.json").read_text())
    return found


def test_a_bundle_is_a_root_file_system_and_a_configuration(orlop: Orlop, bundle: Path) -> None:
    assert orlop.out("bundle", "a:1", str(bundle)) == f"{bundle}\n"
    assert (bundle / "rootfs" / "file0").read_bytes() == b"text 0"
    config = _config(bundle)
    assert config["process"]["args"] == ["/bin/sh"]
    assert config["process"]["terminal"] is False
    assert bundle.stat().st_mode & 0o777 == 0o700


def test_what_follows_the_directory_is_the_command(orlop: Orlop, bundle: Path) -> None:
    orlop.out("bundle", "-t", "-e", "A=1", "a:1", str(bundle), "echo", "-n", "--env", "x")
    process = _config(bundle)["process"]
    assert (process["args"], process["terminal"]) == (["echo", "-n", "--env", "x"], True)
    assert "A=1" in process["env"]


@pytest.mark.needs_root
def test_a_variable_without_a_value_is_the_callers(orlop: Orlop, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orlop.put("docker.io/library/a:1")
    monkeypatch.setenv("SET", "by the caller")
    monkeypatch.delenv("UNSET", raising=False)
    orlop.out("bundle", "-e", "SET", "-e", "UNSET=1", "-e", "UNSET", "-e", "PATH=/x", "a:1", str(bundle))
    env = json.loads((bundle / "config.json").read_text())["process"]["env"]
    assert "SET=by the caller" in env
    assert not [one for one in env if one.startswith("UNSET")]


def test_two_dashes_may_stand_before_the_command(orlop: Orlop, bundle: Path) -> None:
    done = orlop("--format", "json", "bundle", "a:1", str(bundle), "--", "echo").json
    assert done == {
        "bundle": str(bundle),
        "rootfs": str(bundle / "rootfs"),
        "config": str(bundle / "config.json"),
    }
    assert _config(bundle)["process"]["args"] == ["echo"]


def test_options_become_fields(orlop: Orlop, bundle: Path) -> None:
    options = ["--entrypoint", "/e", "-w", "/", "-u", "5:6", "--hostname", "h", "--network", "host", "--read-only"]
    orlop.out("bundle", *options, "a:1", str(bundle))
    config = _config(bundle)
    assert (config["process"]["args"], config["process"]["cwd"]) == (["/e"], "/")
    assert (config["process"]["user"]["uid"], config["process"]["user"]["gid"]) == (5, 6)
    assert (config["hostname"], config["root"]["readonly"]) == ("h", True)
    assert "network" not in [one["type"] for one in config["linux"]["namespaces"]]


def test_a_failure_leaves_nothing(orlop: Orlop, bundle: Path) -> None:
    assert orlop.error("bundle", "-u", "nobody-here", "a:1", str(bundle))
    assert not bundle.parent.exists()
    assert orlop.error("bundle", "none", str(bundle))
    assert not bundle.parent.exists()


def test_a_bundle_is_never_written_over(orlop: Orlop, bundle: Path) -> None:
    orlop.out("bundle", "a:1", str(bundle))
    assert orlop.error("bundle", "a:1", str(bundle)) == f"{bundle}: is a bundle already; name another directory"


def test_a_directory_with_something_in_it_is_not_covered(orlop: Orlop, bundle: Path) -> None:
    (bundle / "rootfs").mkdir(parents=True)
    (bundle / "rootfs" / "mine").write_text("")
    assert orlop.error("bundle", "a:1", str(bundle)).startswith(f"{bundle}/rootfs: has something in it; ")
    (bundle / "rootfs" / "mine").unlink()
    orlop.out("bundle", "a:1", str(bundle))
