"""The record of an ingest."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orlop.content import ingest_state
from orlop.content.ingest_state import IngestState, boot_id, directory_name
from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest

STATE = IngestState(
    ref="layer-1\udcff", total=100, expected=Digest.of(b"x"), started_at=12.5, durable=40, boot_id="this boot"
)


@pytest.mark.parametrize("state", [STATE, replace(STATE, expected=None, total=0)])
def test_a_state_is_read_as_it_was_written(state: IngestState) -> None:
    assert IngestState.decode(state.encode()) == state


@pytest.mark.parametrize(
    "change",
    [
        {"ref": 1},
        {"total": -1},
        {"total": "1"},
        {"total": True},
        {"expected": "sha256:short"},
        {"expected": 7},
        {"started_at": None},
        {"durable": -1},
        {"boot_id": None},
    ],
)
def test_a_state_that_is_wrong_is_none(change: dict[str, object]) -> None:
    assert IngestState.decode(json.dumps(json.loads(STATE.encode()) | change).encode()) is None


@pytest.mark.parametrize("content", [b"", b"\0\0\0\0", b"[]", b"{}", STATE.encode()[:-20], b"\xff"])
def test_a_torn_state_is_none(content: bytes) -> None:
    assert IngestState.decode(content) is None


def test_what_is_trusted_depends_on_the_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_state, "boot_id", lambda: "this boot")
    assert STATE.trusted(70) == 70
    monkeypatch.setattr(ingest_state, "boot_id", lambda: "the next")
    assert STATE.trusted(70) == 40
    assert STATE.trusted(30) == 30
    monkeypatch.setattr(ingest_state, "boot_id", lambda: "")
    assert replace(STATE, boot_id="").trusted(70) == 40


def test_the_next_writer_may_add_but_not_change() -> None:
    silent = replace(STATE, total=0, expected=None)
    assert silent.resumed(total=100, expected=STATE.expected) == STATE
    assert STATE.resumed(total=0, expected=None) == STATE
    with pytest.raises(InvalidArgument, match="total: was begun with 100, not 101; abort it first"):
        STATE.resumed(total=101, expected=None)
    with pytest.raises(InvalidArgument, match=r"expected: was begun with sha256:.*, not sha256:.*; abort it first"):
        STATE.resumed(total=0, expected=Digest.of(b"y"))


def test_the_directory_of_a_ref_is_a_digest() -> None:
    assert directory_name("../x") == Digest.of(b"../x").encoded
    with pytest.raises(InvalidArgument, match='ref: "" has 0 bytes; use 1 to 512'):
        directory_name("")


def test_the_boot_has_an_id() -> None:
    assert len(boot_id()) == 36
    assert boot_id() == boot_id()
