"""`orlop prune`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from orlop.snapshot import choice

from .conftest import cannot_be_opened

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop


def test_what_an_image_needs_stays(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1")
    assert orlop.out("prune") == "removed 0 images, 0 blobs, 0 snapshots: 0 B are free again\n"


def test_what_nothing_needs_goes(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1")
    orlop.put(text="without a name")
    done = orlop("prune", "--format", "json").json
    assert (done["images"], len(done["blobs"]), done["snapshots"]) == ([], 4, [])
    assert done["freedBytes"] > 0
    assert orlop("df", "--format", "json").json["namespaces"][0]["blobs"] == 4


def test_all_removes_the_names_of_this_namespace(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1", text="a")
    orlop.put("docker.io/library/b:1", text="b", namespace="other")
    assert orlop.out("prune", "--all").startswith("removed 1 image, 4 blobs")
    assert orlop.out("-n", "other", "images", "-q") == "docker.io/library/b:1\n"


def test_what_repairs_set_aside_goes_and_is_told(orlop: Orlop) -> None:
    blob = str(orlop.put("docker.io/library/a:1").digest)[7:]
    [path] = orlop.root.rglob(blob)
    path.chmod(0o600)
    path.write_bytes(b"x" * 10_000)
    assert orlop("store", "check", "--repair").code == 1, "nobody has it any more"
    assert orlop("df", "--format", "json").json["quarantineBytes"] >= 10_000
    assert orlop.out("prune") == (
        "removed 0 images, 0 blobs, 0 snapshots, 1 file that repairs had set aside: 12 KiB are free again\n"
    )
    assert orlop("prune", "--format", "json").json["quarantined"] == []


def test_a_quarantine_that_cannot_be_emptied_is_an_error_and_the_rest_is_collected(orlop: Orlop) -> None:
    orlop.put(text="without a name")
    (orlop.root / "content/quarantine").symlink_to("/")
    done = orlop("prune")
    assert done.code == 1
    assert "cannot empty the quarantine" in done.err
    assert "4 blobs" in done.out


@pytest.mark.needs_root
@pytest.mark.parametrize("snapshotter", ["auto", "native"])
def test_all_tells_where_images_are_still_mounted(orlop: Orlop, tmp_path: Path, snapshotter: str) -> None:
    orlop.put("docker.io/library/a:1")
    target = tmp_path / "target"
    target.mkdir()
    orlop.out("--snapshotter", snapshotter, "image", "mount", "a:1", str(target))
    try:
        assert orlop.out("prune").count("\n") == 1, "who does not empty the store knows"
        told = orlop.out("prune", "--all").splitlines()
        assert told[1:] == [f"left, as it is mounted: what `orlop image unmount {target}` lets go of"]
        assert orlop("prune", "--all", "--format", "json").json["mounted"] == [str(target)]
    finally:
        orlop.out("image", "unmount", str(target))
    assert orlop.out("prune", "--all").count("\n") == 1
    shutil.rmtree(orlop.root)


def test_what_cannot_be_removed_is_an_error(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    (orlop.root / "snapshots" / "native").mkdir(parents=True)
    monkeypatch.setattr(choice, "open_snapshotter", cannot_be_opened)
    done = orlop("prune")
    assert (done.code, done.err) == (1, "orlop: native: broken\n")
    assert done.out.startswith("removed 0 images")
