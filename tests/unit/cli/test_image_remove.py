"""`orlop rmi`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.snapshot import choice

from .conftest import cannot_be_opened

if TYPE_CHECKING:
    import pytest

    from .conftest import Orlop

A, B = "docker.io/library/a:1", "docker.io/library/b:1"


def test_a_name_goes_and_what_only_it_held(orlop: Orlop) -> None:
    orlop.put(A, text="a")
    kept = orlop.put(B, text="b")
    assert orlop.out("rmi", "a:1") == f"{A}\n"
    assert orlop.out("images", "-q") == f"{B}\n"
    with orlop.session().store() as store:
        left = {info.digest for info in store.content().walk()}
    assert len(left) == 4, "manifest, configuration and two layers of the other image"
    assert kept.digest in left


def test_content_can_be_kept_for_later(orlop: Orlop) -> None:
    orlop.put(A)
    done = orlop("rmi", "--keep-content", "a:1", "--format", "json").json
    assert done == {"names": [A], "blobs": []}
    assert len(orlop("prune", "--format", "json").json["blobs"]) == 4


def test_a_name_that_is_not_there_keeps_the_others(orlop: Orlop) -> None:
    orlop.put(A)
    assert "docker.io/library/none:latest" in orlop.error("rmi", "a:1", "none")
    assert orlop.out("images", "-q") == f"{A}\n"


def test_a_name_may_be_typed_twice(orlop: Orlop) -> None:
    orlop.put(A)
    assert orlop.out("rmi", "a:1", A) == f"{A}\n"


def test_a_digest_with_several_names_wants_force(orlop: Orlop) -> None:
    prefix = orlop.put(A, B).digest.encoded[:12]
    assert orlop.error("rmi", prefix) == (
        f'"{prefix}": has 2 names ({A}, {B}); name one of them, or use --force for all'
    )
    assert orlop.out("rmi", "--force", prefix).split() == [A, B]
    assert orlop.out("images", "-q") == ""


def test_of_two_tags_of_one_digest_the_written_one_goes(orlop: Orlop) -> None:
    other = "docker.io/library/a:0"
    target = orlop.put(A, other)
    assert orlop.error("rmi", f"a:9@{target.digest}") == (
        f'"a:9@{target.digest}": has that digest, but not that tag: {other}, {A}; name what is to be removed'
    )
    assert f"has 2 names ({other}, {A})" in orlop.error("rmi", f"a@{target.digest}")
    assert orlop.out("rmi", f"{A}@{target.digest}") == f"{A}\n"
    assert orlop.out("rmi", f"a@{target.digest}") == f"{other}\n"


def test_what_cannot_be_collected_is_told_and_the_names_are_gone(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    orlop.put(A)
    (orlop.root / "snapshots" / "native").mkdir(parents=True)
    monkeypatch.setattr(choice, "open_snapshotter", cannot_be_opened)
    done = orlop("rmi", "a:1")
    assert (done.code, done.out, done.err) == (0, f"{A}\n", "orlop: native: broken\n")
