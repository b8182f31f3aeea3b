"""Content per namespace: visibility, adoption, leases. tests/contract/ has what every content store does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orlop.image.contract import ResourceType
from orlop.metadata.content import SHAREABLE, NamespacedContent, Sharing
from orlop.metadata.leases import NamespacedLeases
from orlop.oci.digest import Digest

from .putting import put_blob

if TYPE_CHECKING:
    from orlop.metadata.database import Database
    from orlop.metadata.locks import CollectionLock

    from .fake_content import FakeContent

DATA = b"layer"
DIGEST = Digest.of(DATA)


@pytest.fixture
def other(database: Database, backing: FakeContent, lock: CollectionLock) -> NamespacedContent:
    return NamespacedContent(database, backing, lock, "other")


@pytest.fixture
def isolated(database: Database, backing: FakeContent, lock: CollectionLock) -> NamespacedContent:
    return NamespacedContent(database, backing, lock, "isolated", sharing=Sharing.ISOLATED)


@pytest.fixture
def leased(database: Database, backing: FakeContent, lock: CollectionLock) -> NamespacedContent:
    NamespacedLeases(database, "default").create("pull")
    return NamespacedContent(database, backing, lock, "default", lease_id="pull")


def held(database: Database) -> list[tuple[ResourceType, str]]:
    return list(NamespacedLeases(database, "default").resources("pull"))


def test_a_blob_is_visible_in_its_namespace_only(content: NamespacedContent, other: NamespacedContent) -> None:
    put_blob(content, DATA, {"k": "v"})
    with content.open(DIGEST) as reader:
        assert reader.read_at(0, 100) == DATA
    assert dict(content.info(DIGEST).labels) == {"k": "v"}
    assert content.info(DIGEST).size == len(DATA)
    assert list(other.walk()) == []
    for call in (other.open, other.info, other.delete, lambda digest: other.update_labels(digest, {"a": "b"})):
        with pytest.raises(NotFound, match=f'^content {DIGEST}: not found in namespace "other"$'):
            call(DIGEST)


def test_who_knows_the_digest_adopts_the_blob(content: NamespacedContent, other: NamespacedContent) -> None:
    put_blob(content, DATA, {"k": "v"})
    with pytest.raises(AlreadyExists, match=f"^content {DIGEST}: exists already$"):
        other.begin("layer", expected=DIGEST)
    assert dict(other.info(DIGEST).labels) == {}, "labels are each namespace's own"
    other.update_labels(DIGEST, {"x": "y"})
    content.delete(DIGEST)
    assert [(info.digest, dict(info.labels)) for info in other.walk()] == [(DIGEST, {"x": "y"})]
    assert list(content.walk()) == []


def test_a_deleted_blob_whose_bytes_are_there_is_adopted_again(content: NamespacedContent) -> None:
    put_blob(content, DATA)
    content.delete(DIGEST)
    with pytest.raises(NotFound):
        content.open(DIGEST)
    with pytest.raises(AlreadyExists):
        content.begin("again", expected=DIGEST)
    assert content.info(DIGEST).size == len(DATA)


def test_an_isolated_namespace_writes_the_bytes_to_prove_that_it_has_them(
    content: NamespacedContent, isolated: NamespacedContent, backing: FakeContent
) -> None:
    put_blob(content, DATA)
    with isolated.begin("layer", expected=DIGEST, total=len(DATA)) as ingest:
        ingest.write(DATA)
        with pytest.raises(NotFound):
            isolated.info(DIGEST)
        assert ingest.commit(expected=DIGEST) == DIGEST
    assert isolated.info(DIGEST).size == len(DATA)
    assert len(list(backing.walk())) == 1


def test_an_isolated_namespace_that_guesses_gets_nothing(
    content: NamespacedContent, isolated: NamespacedContent
) -> None:
    put_blob(content, DATA)
    with isolated.begin("layer", expected=DIGEST) as ingest:
        ingest.write(b"a guess")
        with pytest.raises(FailedPrecondition):
            ingest.commit(expected=DIGEST)
    with pytest.raises(NotFound):
        isolated.info(DIGEST)


def test_a_label_shares_a_blob_with_isolated_namespaces(
    content: NamespacedContent, isolated: NamespacedContent
) -> None:
    put_blob(content, DATA, {SHAREABLE: "true"})
    with pytest.raises(AlreadyExists):
        isolated.begin("layer", expected=DIGEST)
    assert isolated.info(DIGEST).size == len(DATA)


def test_bytes_that_a_repair_took_away_are_fetched_again(content: NamespacedContent, backing: FakeContent) -> None:
    put_blob(content, DATA, {"k": "v"})
    backing.delete(DIGEST)
    for call in (content.open, content.info):
        with pytest.raises(NotFound):
            call(DIGEST)
    with content.begin("again", expected=DIGEST) as ingest:
        ingest.write(DATA)
        ingest.commit()
    assert dict(content.info(DIGEST).labels) == {"k": "v"}


def test_the_same_ref_is_another_ingest_in_another_namespace(
    content: NamespacedContent, other: NamespacedContent
) -> None:
    with content.begin("layer") as ours, other.begin("layer") as theirs:
        ours.write(b"ours")
        assert theirs.offset == 0
        assert [status.ref for status in other.ingests()] == ["layer"]
    content.abort("layer")
    assert list(content.ingests()) == []
    assert [status.ref for status in other.ingests()] == ["layer"]
    with pytest.raises(NotFound, match=r'^ingest "layer": not found in namespace "default"$'):
        content.abort("layer")


def test_ingests_tell_what_they_were_begun_with(content: NamespacedContent) -> None:
    with content.begin("layer", total=5, expected=DIGEST) as ingest:
        ingest.write(b"la")
        (status,) = content.ingests()
        assert (status.ref, status.offset, status.total, status.expected) == ("layer", 2, 5, DIGEST)
        with pytest.raises(Unavailable):
            content.begin("layer", total=5, expected=DIGEST)
        with pytest.raises(Unavailable):
            content.abort("layer")
    with pytest.raises(InvalidArgument, match=r'^ingest "layer": total: was begun with 5, not 6; abort it first$'):
        content.begin("layer", total=6)
    with pytest.raises(InvalidArgument, match=r'^ingest "layer": expected: was begun with sha256:.*; abort it first$'):
        content.begin("layer", expected=Digest.of(b"other"))
    with content.begin("layer", total=5, expected=DIGEST) as ingest:
        assert ingest.offset == 2
        ingest.truncate(1)
        ingest.write(b"ayer")
        assert ingest.ref == "layer"
        assert ingest.commit(size=5) == DIGEST
    assert list(content.ingests()) == []


def test_what_cannot_be_used_is_forgotten(content: NamespacedContent) -> None:
    with content.begin("layer", total=9) as ingest:
        ingest.write(DATA)
        with pytest.raises(FailedPrecondition):
            ingest.commit(size=9)
    assert list(content.ingests()) == []
    content.begin("layer", total=5).close()


def test_a_blob_that_somebody_commits_meanwhile_is_adopted(
    content: NamespacedContent, other: NamespacedContent, backing: FakeContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = backing.begin

    def begin_late(*args: object, **kwargs: object) -> object:
        monkeypatch.setattr(backing, "begin", real)
        put_blob(other, DATA)
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(backing, "begin", begin_late)
    with pytest.raises(AlreadyExists):
        content.begin("layer", expected=DIGEST)
    assert content.info(DIGEST).size == len(DATA)
    assert list(content.ingests()) == []


def test_refs_of_any_bytes(content: NamespacedContent) -> None:
    for ref in ("\udcff\0é\\", "../x", "x" * 512):
        content.begin(ref).close()
        assert [status.ref for status in content.ingests()] == [ref]
        content.abort(ref)
    for ref in ("", "é" * 257):
        with pytest.raises(InvalidArgument, match=r"^ref: .* bytes; use 1 to 512$"):
            content.begin(ref)


def test_a_lease_holds_an_ingest_and_then_its_blob(database: Database, leased: NamespacedContent) -> None:
    with leased.begin("layer\udcff") as ingest:
        assert held(database) == [(ResourceType.INGEST, "layer\udcff")]
        ingest.write(DATA)
        ingest.commit()
    assert held(database) == [(ResourceType.CONTENT, str(DIGEST))]


@pytest.mark.parametrize("how", ["open", "info", "begin", "adopt"])
def test_a_lease_holds_what_is_found(
    database: Database, content: NamespacedContent, other: NamespacedContent, leased: NamespacedContent, how: str
) -> None:
    put_blob(other if how == "adopt" else content, DATA)
    assert held(database) == []
    if how == "open":
        leased.open(DIGEST).close()
    elif how == "info":
        leased.info(DIGEST)
    else:
        with pytest.raises(AlreadyExists):
            leased.begin("layer", expected=DIGEST)
    assert held(database) == [(ResourceType.CONTENT, str(DIGEST))]


def test_a_lease_that_has_ended_takes_nothing_in(
    database: Database, content: NamespacedContent, leased: NamespacedContent
) -> None:
    put_blob(content, DATA)
    NamespacedLeases(database, "default").delete("pull")
    for call in (lambda: leased.info(DIGEST), lambda: leased.begin("x"), lambda: leased.begin("x", expected=DIGEST)):
        with pytest.raises(NotFound, match=r'^lease "pull": not found'):
            call()
    assert list(content.ingests()) == []
