"""`orlop prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.snapshot import choice

from .conftest import cannot_be_opened

if TYPE_CHECKING:
    import pytest

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


def test_what_cannot_be_removed_is_an_error(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    (orlop.root / "snapshots" / "native").mkdir(parents=True)
    monkeypatch.setattr(choice, "open_snapshotter", cannot_be_opened)
    done = orlop("prune")
    assert (done.code, done.err) == (1, "orlop: native: broken\n")
    assert done.out.startswith("removed 0 images")
