"""Locks of single snapshots."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import orlop
from orlop.snapshot.snapshot_locks import SnapshotLocks

_HOLDER = """
import sys
from pathlib import Path
from orlop.snapshot.snapshot_locks import SnapshotLocks
with SnapshotLocks(Path(sys.argv[1])).hold(7):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_by_one_and_numbers_are_apart(tmp_path: Path) -> None:
    locks = SnapshotLocks(tmp_path / "locks")
    with locks.hold(7):
        with locks.hold_if_free(7) as is_ours:
            assert not is_ours
        with locks.hold_if_free(8) as is_ours:
            assert is_ours
    with locks.hold_if_free(7) as is_ours:
        assert is_ours
        with locks.hold_if_free(7) as again:
            assert not again


def test_another_thread_waits_for_it(tmp_path: Path) -> None:
    locks = SnapshotLocks(tmp_path / "locks")
    order = []
    started = threading.Event()

    def wait() -> None:
        started.set()
        with locks.hold(7):
            order.append("second")

    with locks.hold(7):
        thread = threading.Thread(target=wait)
        thread.start()
        assert started.wait(120)
        order.append("first")
    thread.join(120)
    assert order == ["first", "second"]


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    locks = SnapshotLocks(tmp_path / "locks")
    source = str(Path(orlop.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "locks")],
        env={"PYTHONPATH": source},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with locks.hold_if_free(7) as is_ours:
            assert not is_ours
        holder.kill()
        holder.wait(120)
        with locks.hold_if_free(7) as is_ours:
            assert is_ours
