"""`orlop save`."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from unit.image.images import ARM64, files_of, image_of, index_of

from .test_main import PROGRAM, environment

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .conftest import Orlop


def test_images_go_into_an_oci_layout(orlop: Orlop, tmp_path: Path) -> None:
    orlop.put("docker.io/library/a:1", text="a")
    orlop.put("docker.io/library/b:1", text="b")
    assert orlop.out("save", "a:1", "-o", str(tmp_path / "out.tar"), "b:1") == ""
    files = files_of((tmp_path / "out.tar").read_bytes())
    assert len(json.loads(files["index.json"])["manifests"]) == 2
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"out.tar"}, "no file that is unfinished"


def test_or_into_a_docker_archive(orlop: Orlop, tmp_path: Path) -> None:
    orlop.put("docker.io/library/a:1")
    orlop.out("save", "--archive", "docker", "-o", str(tmp_path / "out.tar"), "a:1")
    [entry] = json.loads(files_of((tmp_path / "out.tar").read_bytes())["manifest.json"])
    assert entry["RepoTags"] == ["docker.io/library/a:1"] or entry["RepoTags"] == ["a:1"]


def test_stdout_has_the_archive_and_nothing_else(orlop: Orlop, tmp_path: Path) -> None:
    orlop.put("docker.io/library/a:1")
    orlop.out("save", "-o", str(tmp_path / "out.tar"), "a:1")
    words = [*PROGRAM, *orlop.options, "save", "a:1"]
    done = subprocess.run(words, env=environment(), capture_output=True, check=True, timeout=300)
    assert done.stdout == (tmp_path / "out.tar").read_bytes()


def test_an_archive_is_not_for_a_terminal(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    orlop.put("docker.io/library/a:1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert orlop.error("save", "a:1") == "an archive is not written to a terminal; use -o FILE"


def test_platforms_choose(orlop: Orlop, tmp_path: Path) -> None:
    with orlop.session().store() as store, store.lease() as lease:
        content = store.content(lease_id=lease.id)
        one, other = image_of(content, "one"), image_of(content, "other", ARM64)
        store.images.put("docker.io/library/a:1", index_of(content, one, other))
        orlop.out("save", "--platform", "linux/arm64", "-o", str(tmp_path / "out.tar"), "a:1")
    names = files_of((tmp_path / "out.tar").read_bytes())
    assert f"blobs/sha256/{other.digest.encoded}" in names
    assert f"blobs/sha256/{one.digest.encoded}" not in names
    orlop.put("docker.io/library/b:1")
    for archive in ("oci", "docker"):
        done = orlop.error(
            "save", "--archive", archive, "--platform", "linux/arm64", "-o", str(tmp_path / "b.tar"), "b:1"
        )
        assert done == "docker.io/library/b:1: is for linux/amd64, not for linux/arm64; leave --platform away"
    assert not (tmp_path / "b.tar").exists()
    options = ["--archive", "docker", "--platform", "linux/amd64", "--platform", "linux/arm64"]
    assert orlop.error("save", *options, "a:1") == "--platform: a docker-archive has images of one platform"


def test_a_failure_leaves_the_old_file(orlop: Orlop, tmp_path: Path) -> None:
    (tmp_path / "out.tar").write_text("old")
    orlop.error("save", "-o", str(tmp_path / "out.tar"), "none")
    assert (tmp_path / "out.tar").read_text() == "old"
    orlop.put("docker.io/library/a:1")
    assert orlop.error("save", "-o", os.fspath(tmp_path / "none" / "out.tar"), "a:1") == (
        f"--output: cannot write {tmp_path}/none/out.tar: No such file or directory"
    )
