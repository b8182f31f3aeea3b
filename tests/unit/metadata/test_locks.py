"""The collection's lock: many shared holders, one exclusive one, and no overtaking."""

from __future__ import annotations

import fcntl
import threading
from typing import TYPE_CHECKING

import pytest

from orlop.errors import KernelError
from orlop.metadata.locks import CollectionLock, flocked

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S = 120


def _is_free(path: Path, operation: int) -> bool:
    try:
        with flocked(path, operation | fcntl.LOCK_NB):
            return True
    except BlockingIOError:
        return False


def test_shared_holders_stand_together_and_keep_the_sweep_out(tmp_path: Path, lock: CollectionLock) -> None:
    path = tmp_path / "collection.lock"
    with lock.shared():
        assert _is_free(path, fcntl.LOCK_SH)
        assert not _is_free(path, fcntl.LOCK_EX)
    assert _is_free(path, fcntl.LOCK_EX)


def test_the_sweep_stands_alone(tmp_path: Path, lock: CollectionLock) -> None:
    with lock.exclusive():
        assert not _is_free(tmp_path / "collection.lock", fcntl.LOCK_SH)
    assert _is_free(tmp_path / "collection.lock", fcntl.LOCK_EX)


def test_a_sweep_that_waits_is_not_overtaken(tmp_path: Path, lock: CollectionLock) -> None:
    order: list[str] = []

    def sweep() -> None:
        with lock.exclusive():
            order.append("sweep")

    def late() -> None:
        with lock.shared():
            order.append("late")

    sweeper, later = threading.Thread(target=sweep), threading.Thread(target=late)
    deadline = threading.Event()
    watch = threading.Timer(DEADLINE_S, deadline.set)
    watch.start()
    with lock.shared():
        sweeper.start()
        while _is_free(tmp_path / "collection.gate", fcntl.LOCK_SH):  # until the sweep waits
            assert not deadline.is_set(), "the sweep never closed the gate"
        later.start()
        assert order == []
    sweeper.join(DEADLINE_S)
    later.join(DEADLINE_S)
    watch.cancel()
    assert order == ["sweep", "late"]


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(KernelError, match=r"^cannot lock: open .*/none/lock\".*: ENOENT"),
        flocked(tmp_path / "none" / "lock", fcntl.LOCK_SH),
    ):
        pass
