"""`orlop history`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.image.images import index_of

if TYPE_CHECKING:
    from .conftest import Orlop


def test_each_layer_has_its_row(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1", text="how it was made")
    lines = orlop.out("history", "a:1").splitlines()
    assert lines[0].split() == ["CREATED", "SIZE", "BY", "COMMENT"]
    assert len(lines) == 3
    assert all("how it was made" in line for line in lines[1:])


def test_a_long_step_is_cut_unless_all_is_wanted(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1", text="x" * 70)
    assert "x" * 61 not in orlop.out("history", "a:1")
    assert "x" * 70 in orlop.out("history", "--no-trunc", "a:1")


def test_json_has_the_layers(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1")
    rows = orlop("history", "a:1", "--format", "json").json
    [inspected] = orlop("image", "inspect", "a:1").json
    assert [row["layer"]["digest"] for row in rows] == [layer["digest"] for layer in inspected["layers"][::-1]]
    assert sorted(rows[0]) == ["comment", "created", "createdBy", "layer", "size"]


def test_another_platform_is_not_there(orlop: Orlop) -> None:
    image = orlop.put("docker.io/library/a:1")
    with orlop.session().store() as store, store.lease() as lease:
        store.images.put("docker.io/library/b:1", index_of(store.content(lease_id=lease.id), image))
        line = orlop.error("history", "--platform", "linux/s390x", "b:1")
    assert line == (
        "docker.io/library/b:1: there is no image for linux/s390x in the store; pull --platform linux/s390x"
    )
    line = orlop.error("history", "--platform", "linux/s390x", "a:1")
    assert line == "docker.io/library/a:1: is for linux/amd64, not for linux/s390x; leave --platform away"
