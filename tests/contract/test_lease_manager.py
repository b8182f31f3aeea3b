"""The contract of `LeaseManager` (image/contract.py), for each implementation of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, InvalidArgument, NotFound
from orlop.image.contract import GC_EXPIRE, ResourceType
from orlop.linux.disk_reserve import DiskReserve
from orlop.metadata.database import Database
from orlop.metadata.layout import RESERVE_BYTES
from orlop.metadata.leases import NamespacedLeases
from orlop.metadata.rfc3339 import parse_time
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.image.contract import LeaseManager

DIGEST = str(Digest.of(b"x"))


@pytest.fixture(params=["namespaced"])
def leases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LeaseManager]:
    assert request.param == "namespaced"
    with Database.open(tmp_path / "metadata.db", DiskReserve(tmp_path / "reserve", RESERVE_BYTES)) as database:
        yield NamespacedLeases(database, "default")


def test_a_lease_without_an_id_gets_one_of_its_own(leases: LeaseManager) -> None:
    first, second = leases.create(), leases.create()
    assert first.id
    assert first.id != second.id
    assert first.expires_at is None
    assert {lease.id for lease in leases.list()} == {first.id, second.id}


def test_an_id_is_taken_once(leases: LeaseManager) -> None:
    lease = leases.create("pull", labels={"k": "v"})
    with pytest.raises(AlreadyExists, match=r'^lease "pull": exists already in namespace "default"$'):
        leases.create("pull")
    assert list(leases.list()) == [lease]


def test_a_lifetime_says_when_it_ends(leases: LeaseManager) -> None:
    before = time.time()
    lease = leases.create("pull", lifetime_s=60)
    assert lease.expires_at is not None
    assert before + 60 <= lease.expires_at <= time.time() + 60
    assert parse_time(lease.labels[GC_EXPIRE], place="label") == pytest.approx(lease.expires_at, abs=1e-5)


def test_the_label_says_when_it_ends_too(leases: LeaseManager) -> None:
    leases.create("past", labels={GC_EXPIRE: "2020-01-01T00:00:00Z"})
    future = leases.create("future", labels={GC_EXPIRE: "2120-01-01T00:00:00Z"})
    assert list(leases.list()) == [future]
    with pytest.raises(InvalidArgument, match=r'labels\["containerd\.io/gc\.expire"\]: "soon" is not an RFC 3339 time'):
        leases.create("bad", labels={GC_EXPIRE: "soon"})


def test_an_expired_lease_is_gone_and_its_id_free(leases: LeaseManager) -> None:
    leases.create("pull", lifetime_s=-1)
    assert list(leases.list()) == []
    with pytest.raises(NotFound):
        leases.add("pull", ResourceType.CONTENT, DIGEST)
    leases.create("pull")
    leases.add("pull", ResourceType.CONTENT, DIGEST)


def test_it_holds_what_is_added_until_it_is_removed(leases: LeaseManager) -> None:
    leases.create("pull")
    held = [
        (ResourceType.CONTENT, DIGEST),
        (ResourceType.IMAGE, "busybox"),
        (ResourceType.INGEST, "layer-1"),
        (ResourceType.SNAPSHOT, "overlayfs/a/b"),
    ]
    for kind, reference in held:
        leases.add("pull", kind, reference)
        leases.add("pull", kind, reference)
    assert list(leases.resources("pull")) == held
    leases.remove("pull", ResourceType.INGEST, "layer-1")
    leases.remove("pull", ResourceType.INGEST, "layer-1")
    assert list(leases.resources("pull")) == [one for one in held if one[0] is not ResourceType.INGEST]


def test_a_deleted_lease_holds_nothing(leases: LeaseManager) -> None:
    leases.create("pull")
    leases.add("pull", ResourceType.CONTENT, DIGEST)
    leases.delete("pull")
    assert list(leases.list()) == []
    leases.create("pull")
    assert list(leases.resources("pull")) == []


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        (ResourceType.CONTENT, "latest"),
        (ResourceType.SNAPSHOT, "overlayfs"),
        (ResourceType.SNAPSHOT, "/key"),
        (ResourceType.SNAPSHOT, "overlayfs/"),
        (ResourceType.INGEST, ""),
        (ResourceType.IMAGE, ""),
    ],
)
def test_references_are_checked(leases: LeaseManager, kind: ResourceType, reference: str) -> None:
    leases.create("pull")
    with pytest.raises(InvalidArgument, match=r"^lease: "):
        leases.add("pull", kind, reference)


def test_unknown_ids_are_not_found(leases: LeaseManager) -> None:
    calls = (
        lambda: leases.delete("x"),
        lambda: leases.add("x", ResourceType.CONTENT, DIGEST),
        lambda: leases.remove("x", ResourceType.CONTENT, DIGEST),
        lambda: list(leases.resources("x")),
    )
    for call in calls:
        with pytest.raises(NotFound, match=r'^lease "x": not found in namespace "default", or it has expired$'):
            call()
