"""`orlop load`."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from unit.image.images import files_of, tar_of

from .test_main import PROGRAM, environment

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop

NAME = "docker.io/library/a:1"


@pytest.fixture
def archive(orlop: Orlop, tmp_path: Path) -> Path:
    """Of an image that the store does not have any more."""
    path = tmp_path / "archive.tar"
    orlop.put(NAME)
    orlop.out("save", "-o", str(path), "a:1")
    orlop.out("rmi", "a:1")
    return path


def test_images_come_with_their_names(orlop: Orlop, archive: Path) -> None:
    assert orlop.out("load", "-i", str(archive)) == f"{NAME}\n"
    assert len(orlop("image", "inspect", "a:1").json[0]["layers"]) == 2
    [loaded] = orlop("load", "-i", str(archive), "--format", "json").json
    assert (loaded["name"], sorted(loaded)) == (NAME, ["name", "target"])


def test_stdin_is_read_where_no_file_is_named(orlop: Orlop, archive: Path) -> None:
    with archive.open("rb") as file:
        words = [*PROGRAM, *orlop.options, "load"]
        done = subprocess.run(words, env=environment(), stdin=file, capture_output=True, check=True, timeout=300)
    assert done.stdout.decode() == f"{NAME}\n"


def test_a_directory_may_be_a_layout(orlop: Orlop, archive: Path, tmp_path: Path) -> None:
    for name, data in files_of(archive.read_bytes()).items():
        path = tmp_path / "layout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert orlop.out("load", "-i", str(tmp_path / "layout")) == f"{NAME}\n"


def test_an_archive_that_names_an_image_by_anothers_digest_is_refused(orlop: Orlop, tmp_path: Path) -> None:
    digest = orlop.put(NAME).digest
    for name, found in {f"quay.io/x@{digest}": f"quay.io/x@{digest}", f"quay.io/y:2@{digest}": "quay.io/y:2"}.items():
        assert orlop.out("load", "-i", str(_renamed(orlop, tmp_path, name))) == f"{found}\n"
    wrong = f"quay.io/z@sha256:{'0' * 64}"
    assert orlop.error("load", "-i", str(_renamed(orlop, tmp_path, wrong))) == (
        f"archive: {wrong}: the image is {digest}; whoever made the archive gave it a wrong name"
    )
    assert "quay.io/z" not in orlop.out("images")


def _renamed(orlop: Orlop, directory: Path, name: str) -> Path:
    """An archive of the image, under another name."""
    orlop.out("save", "-o", str(directory / "image.tar"), "a:1")
    files = files_of((directory / "image.tar").read_bytes())
    path = directory / "renamed.tar"
    path.write_bytes(tar_of(files | {"index.json": files["index.json"].replace(NAME.encode(), name.encode())}))
    return path


def test_what_is_loaded_stays(orlop: Orlop, archive: Path) -> None:
    orlop.out("load", "-i", str(archive))
    assert orlop.out("prune").startswith("removed 0 images, 0 blobs")


def test_what_is_no_archive_is_told(orlop: Orlop, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive at all")
    assert orlop.error("load", "-i", str(tmp_path / "text"))
    assert orlop.out("images", "-q") == ""
