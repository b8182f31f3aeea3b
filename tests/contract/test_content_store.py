"""content/contract.py, for every implementation."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orlop.content.contract import ContentStore

TEXT = b"content of a blob"
DIGEST = Digest.of(TEXT)
ABSENT = Digest.of(b"never stored")


def put(
    store: ContentStore,
    data: bytes,
    *,
    ref: str = "put",
    algorithm: str = "sha256",
    labels: Mapping[str, str] | None = None,
) -> Digest:
    """Store some bytes."""
    digest = Digest.of(data, algorithm=algorithm)
    with store.begin(ref, total=len(data), expected=digest) as ingest:
        ingest.write(data)
        assert ingest.commit(labels=labels) == digest
    return digest


def content(store: ContentStore, digest: Digest) -> bytes:
    with store.open(digest) as reader:
        return reader.read_at(0, reader.size)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("data", [b"", b"x", TEXT, os.urandom(3 << 20)], ids=["empty", "byte", "text", "large"])
def test_what_is_committed_is_read_back(content_store: ContentStore, algorithm: str, data: bytes) -> None:
    digest = put(content_store, data, algorithm=algorithm)
    assert digest == Digest.of(data, algorithm=algorithm)
    assert content(content_store, digest) == data
    assert content_store.info(digest).size == len(data)


def test_another_opening_of_the_store_sees_the_blob(open_content_store: Callable[[], ContentStore]) -> None:
    digest = put(open_content_store(), TEXT, labels={"a": "1"})
    other = open_content_store()
    assert content(other, digest) == TEXT
    assert other.info(digest).labels == {"a": "1"}


def test_without_a_promise_the_digest_is_sha256(content_store: ContentStore) -> None:
    with content_store.begin("plain") as ingest:
        ingest.write(TEXT)
        assert ingest.commit() == DIGEST


def test_the_digest_that_commit_is_told_may_be_of_another_algorithm(content_store: ContentStore) -> None:
    wanted = Digest.of(TEXT, algorithm="sha512")
    with content_store.begin("late") as ingest:
        ingest.write(TEXT[:5])
        ingest.write(TEXT[5:])
        assert ingest.commit(expected=wanted) == wanted
    assert content(content_store, wanted) == TEXT
    with pytest.raises(NotFound):
        content_store.info(DIGEST)


def test_a_memoryview_of_any_shape_is_written_whole(content_store: ContentStore) -> None:
    words = memoryview(bytearray(TEXT + b"xyz")).cast("I")
    with content_store.begin("view") as ingest:
        ingest.write(words)
        assert ingest.offset == words.nbytes
        assert ingest.commit() == Digest.of(words.tobytes())


def test_nothing_is_seen_before_commit(content_store: ContentStore) -> None:
    with content_store.begin("half", expected=DIGEST) as ingest:
        ingest.write(TEXT)
        with pytest.raises(NotFound):
            content_store.open(DIGEST)
        assert list(content_store.walk()) == []
        ingest.commit()
    assert [blob.digest for blob in content_store.walk()] == [DIGEST]
    assert list(content_store.ingests()) == []


def test_an_interrupted_ingest_goes_on_where_it_stands(open_content_store: Callable[[], ContentStore]) -> None:
    with open_content_store().begin("cut", total=len(TEXT), expected=DIGEST) as ingest:
        ingest.write(TEXT[:7])
    with open_content_store().begin("cut", total=len(TEXT), expected=DIGEST) as again:
        assert again.ref == "cut"
        assert again.offset == 7
        again.write(TEXT[7:])
        assert again.commit(size=len(TEXT)) == DIGEST
    assert content(open_content_store(), DIGEST) == TEXT


def test_what_an_ingest_was_begun_with_holds(content_store: ContentStore) -> None:
    content_store.begin("firm", total=17, expected=DIGEST).close()
    with pytest.raises(InvalidArgument, match="total: was begun with 17, not 18"):
        content_store.begin("firm", total=18, expected=DIGEST)
    with pytest.raises(InvalidArgument, match="expected: was begun with"):
        content_store.begin("firm", total=17, expected=ABSENT)
    with content_store.begin("firm") as ingest:
        ingest.write(b"something else, longer")
        with pytest.raises(FailedPrecondition, match="has 22 bytes, not 17"):
            ingest.commit()


@pytest.mark.parametrize("ref", ["", "x" * 513, "\N{EURO SIGN}" * 171], ids=["empty", "long", "long in bytes"])
def test_a_ref_has_1_to_512_bytes(content_store: ContentStore, ref: str) -> None:
    with pytest.raises(InvalidArgument, match="use 1 to 512"):
        content_store.begin(ref)


@pytest.mark.parametrize("ref", ["../../etc/passwd", "a/b", ".", "layer-sha256:ab cd\n\0", "\udcff", "x" * 512])
def test_a_ref_is_no_path(content_store: ContentStore, ref: str) -> None:
    content_store.begin(ref, total=9).close()
    assert [(status.ref, status.total) for status in content_store.ingests()] == [(ref, 9)]
    content_store.abort(ref)
    assert list(content_store.ingests()) == []


def test_one_ingest_has_one_writer(open_content_store: Callable[[], ContentStore]) -> None:
    one, other = open_content_store(), open_content_store()
    with one.begin("mine"):
        for store in (one, other):
            with pytest.raises(Unavailable, match="being written"):
                store.begin("mine")
            with pytest.raises(Unavailable, match="being written"):
                store.abort("mine")
    other.begin("mine").close()


def test_what_is_there_is_not_begun_again(content_store: ContentStore) -> None:
    put(content_store, TEXT)
    with pytest.raises(AlreadyExists, match=str(DIGEST)):
        content_store.begin("again", expected=DIGEST)
    assert list(content_store.ingests()) == []


def test_committing_what_is_there_changes_nothing(content_store: ContentStore) -> None:
    put(content_store, TEXT, labels={"first": "1"})
    before = content_store.info(DIGEST)
    with content_store.begin("second") as ingest:
        ingest.write(TEXT)
        assert ingest.commit(expected=DIGEST, labels={"second": "2"}) == DIGEST
    assert content_store.info(DIGEST) == before
    assert list(content_store.ingests()) == []


@pytest.mark.parametrize("promise", [{"size": 3}, {"expected": ABSENT}], ids=["size", "digest"])
def test_wrong_content_is_refused_and_forgotten(content_store: ContentStore, promise: dict[str, Digest | int]) -> None:
    with content_store.begin("wrong") as ingest:
        ingest.write(TEXT)
        with pytest.raises(FailedPrecondition, match="fetch it again"):
            ingest.commit(**promise)  # type: ignore[arg-type]  # one of two keywords
    assert list(content_store.ingests()) == []
    assert list(content_store.walk()) == []
    with content_store.begin("wrong") as ingest:
        assert ingest.offset == 0


def test_wrong_content_is_refused_for_the_promise_of_begin(content_store: ContentStore) -> None:
    with content_store.begin("wrong", expected=ABSENT) as ingest:
        ingest.write(TEXT)
        with pytest.raises(FailedPrecondition, match=f"digest is {DIGEST}, not {ABSENT}"):
            ingest.commit()


@pytest.mark.parametrize("size", [0, 4, len(TEXT)])
def test_truncate_forgets_the_end(content_store: ContentStore, size: int) -> None:
    with content_store.begin("cut") as ingest:
        ingest.write(TEXT)
        ingest.truncate(size)
        assert ingest.offset == size
        ingest.write(b"!")
        digest = ingest.commit()
    assert content(content_store, digest) == TEXT[:size] + b"!"
    assert digest == Digest.of(TEXT[:size] + b"!")


def test_truncate_goes_backwards_only(content_store: ContentStore) -> None:
    with content_store.begin("cut") as ingest:
        ingest.write(TEXT)
        with pytest.raises(FailedPrecondition, match="17 bytes are written"):
            ingest.truncate(18)


def test_an_ingest_that_has_ended_takes_nothing_more(content_store: ContentStore) -> None:
    with content_store.begin("done") as ingest:
        ingest.write(TEXT)
        ingest.commit()
        for call in (lambda: ingest.write(b"more"), ingest.truncate, ingest.commit):
            with pytest.raises(FailedPrecondition, match="begin it again"):
                call()
        ingest.close()
    assert content(content_store, DIGEST) == TEXT


def test_a_reader_outlives_its_blob(content_store: ContentStore) -> None:
    put(content_store, TEXT)
    with content_store.open(DIGEST) as reader:
        content_store.delete(DIGEST)
        assert reader.read_at(0, 100) == TEXT
        assert os.pread(reader.fileno(), 7, 0) == TEXT[:7]
    with pytest.raises(NotFound):
        content_store.open(DIGEST)


def test_a_reader_reads_ranges(content_store: ContentStore) -> None:
    put(content_store, TEXT)
    with content_store.open(DIGEST) as reader:
        assert reader.size == len(TEXT)
        assert reader.read_at(8, 2) == b"of"
        assert reader.read_at(15, 100) == b"ob"
        assert reader.read_at(17, 1) == b""
        assert reader.read_at(1000, 1) == b""


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.open(ABSENT),
        lambda store: store.info(ABSENT),
        lambda store: store.delete(ABSENT),
        lambda store: store.update_labels(ABSENT, {"a": "1"}),
        lambda store: store.abort("nobody"),
    ],
    ids=["open", "info", "delete", "update_labels", "abort"],
)
def test_what_is_absent_is_not_found(content_store: ContentStore, call: Callable[[ContentStore], object]) -> None:
    with pytest.raises(NotFound):
        call(content_store)


def test_labels_are_set_and_removed_one_by_one(open_content_store: Callable[[], ContentStore]) -> None:
    store = open_content_store()
    put(store, TEXT, labels={"a": "1", "b": "2"})
    info = store.update_labels(DIGEST, {"b": None, "c": "\N{EURO SIGN}\n", "absent": None})
    assert info.labels == {"a": "1", "c": "\N{EURO SIGN}\n"}
    assert open_content_store().info(DIGEST) == info
    assert [blob.labels for blob in store.walk()] == [info.labels]
    assert store.update_labels(DIGEST, {"a": None, "c": None}).labels == {}


def test_labels_go_with_their_blob(content_store: ContentStore) -> None:
    put(content_store, TEXT, labels={"a": "1"})
    content_store.delete(DIGEST)
    with suppress(AlreadyExists):  # a namespace may be given again what the store below it still has
        put(content_store, TEXT)
    assert content_store.info(DIGEST).labels == {}


def test_labels_have_a_name_and_a_bound(content_store: ContentStore) -> None:
    put(content_store, TEXT)
    with pytest.raises(InvalidArgument, match="key is empty"):
        content_store.update_labels(DIGEST, {"": "x"})
    with pytest.raises(InvalidArgument, match="longer than 4096 bytes"):
        content_store.update_labels(DIGEST, {"key": "x" * 4094})
    content_store.update_labels(DIGEST, {"key": "x" * 4093})


def test_times_say_when(content_store: ContentStore) -> None:
    before = time.time() - 1  # the clock of file times is coarse
    with content_store.begin("slow", total=17) as ingest:
        ingest.write(TEXT)
        (status,) = content_store.ingests()
        assert before <= status.started_at <= time.time()
        assert before <= status.updated_at <= time.time() + 1
        assert (status.ref, status.offset, status.total, status.expected) == ("slow", 17, 17, None)
        ingest.commit()
    created = content_store.info(DIGEST)
    assert before <= created.created_at <= time.time() + 1
    labelled = content_store.update_labels(DIGEST, {"a": "1"})
    assert labelled.created_at == created.created_at
    assert labelled.updated_at >= created.updated_at


def test_threads_label_one_blob_and_lose_nothing(open_content_store: Callable[[], ContentStore]) -> None:
    store = open_content_store()
    put(store, TEXT)

    def label(number: int) -> None:
        mine = store if number % 2 else open_content_store()
        for turn in range(5):
            mine.update_labels(DIGEST, {f"{number}.{turn}": "x"})

    threads = [threading.Thread(target=label, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(store.info(DIGEST).labels) == 20


def test_random_cuts_and_rewinds_give_the_right_blob(open_content_store: Callable[[], ContentStore]) -> None:
    data = random.Random(6).randbytes(200_000)  # noqa: S311 - content, no secret
    chance = random.Random(7)  # noqa: S311
    digest = Digest.of(data)
    while True:
        with open_content_store().begin("random", total=len(data), expected=digest) as ingest:
            if chance.random() < 0.2:
                ingest.truncate(chance.randrange(ingest.offset + 1))
            end = ingest.offset + chance.randrange(1, 50_000)
            ingest.write(data[ingest.offset : end])
            if ingest.offset == len(data):
                ingest.commit()
                break
    assert content(open_content_store(), digest) == data
