"""`orun spec`: where config.json goes, and with which mode."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from orlop.oci.default_spec import default_spec
from orlop.runtime.verb_spec import VERB

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orun


def test_it_takes_flags_only() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("spec", 0, 0)
    assert [flag.names for flag in VERB.flags] == [["bundle", "b"], ["rootless"]]


def test_it_writes_the_default_into_the_callers_directory(orun: Orun, tmp_path: Path) -> None:
    assert orun("spec").code == 0
    text = (tmp_path / "config.json").read_text("utf-8")
    assert json.loads(text) == json.loads(json.dumps(default_spec(rootless=False)))
    assert text.startswith('{\n    "ociVersion"')
    assert text.endswith("}\n")


def test_a_bundle_may_be_named_from_the_callers_directory(orun: Orun, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert orun("spec", "-b", "there").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there" / "config.json").exists()


def test_rootless_maps_the_caller(orun: Orun, tmp_path: Path) -> None:
    assert orun("spec", "--rootless").code == 0
    linux = json.loads((tmp_path / "config.json").read_text("utf-8"))["linux"]
    assert linux["uidMappings"] == [{"containerID": 0, "hostID": os.getuid(), "size": 1}]
    assert linux["gidMappings"] == [{"containerID": 0, "hostID": os.getgid(), "size": 1}]


def test_a_file_that_is_there_stays_as_it_is(orun: Orun, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("mine", encoding="ascii")
    outcome = orun("spec")
    assert (outcome.code, outcome.err) == (
        1,
        f"orun: {path} exists already; remove it, or give another --bundle\n",
    )
    assert path.read_text("ascii") == "mine"


def test_a_link_to_nowhere_is_not_written_through(orun: Orun, tmp_path: Path) -> None:
    (tmp_path / "config.json").symlink_to(tmp_path / "elsewhere")
    assert orun("spec").code == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0, 0o666)])
def test_the_mode_follows_the_callers_umask(orun: Orun, tmp_path: Path, umask: int, mode: int) -> None:
    ours = os.umask(0)
    try:
        assert orun("spec", umask=umask).code == 0
    finally:
        os.umask(ours)
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == mode


def test_a_bundle_that_is_not_there_is_named(orun: Orun, tmp_path: Path) -> None:
    outcome = orun("spec", "--bundle", "none")
    assert outcome.code == 1
    assert outcome.err == (
        f'orun: system call failed: "{tmp_path}/none/config.json" ENOENT (No such file or directory)\n'
    )
