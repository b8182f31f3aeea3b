"""A pull as people watch it, on a terminal and in a log."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from e2e.terminal import Screen
from orlop.cli.progress_display import shown
from orlop.image.contract import Event, Step
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.image.contract import Watcher

CONFIG, CACHED, RESUMED, LAYER = (
    Descriptor(media_type=kind, digest=Digest.parse(f"sha256:{letter * 64}", place="digest"), size=size)
    for letter, kind, size in (
        ("a", "application/vnd.oci.image.config.v1+json", 1000),
        ("b", "application/vnd.oci.image.layer.v1.tar+gzip", 1 << 20),
        ("c", "application/vnd.oci.image.layer.v1.tar+gzip", 2 << 20),
        ("d", "application/vnd.oci.image.layer.v1.tar+gzip", 4 << 20),
    )
)


def _pull(watcher: Watcher) -> None:
    """What happens in a pull."""
    watcher.planned([CONFIG, CACHED, RESUMED, LAYER])
    for blob, step, amount in (
        (CONFIG, Step.TRANSFERRED, 0),
        (CACHED, Step.CACHED, 0),
        (RESUMED, Step.RESUMED, 1 << 20),
        (RESUMED, Step.MOVED, 1 << 20),
        (RESUMED, Step.TRANSFERRED, 0),
        (LAYER, Step.MOVED, 4 << 20),
        (LAYER, Step.TRANSFERRED, 0),
        (LAYER, Step.UNPACKING, 0),
        (LAYER, Step.UNPACKED, 0),
    ):
        watcher.happened(Event(blob.digest, step, amount))
    other = Digest.parse(f"sha256:{'e' * 64}", place="digest")
    watcher.happened(Event(other, Step.MOVED, 5))


def _on_a_terminal(monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> str:
    """What is on a terminal's screen that is stderr while the work is done."""
    master, slave = os.openpty()
    screen = Screen(master)
    screen.resize(30, 120)
    monkeypatch.setenv("TERM", "xterm")
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    try:
        # Here, and not in a fixture: pytest sets sys.stderr anew before each phase of a test.
        with os.fdopen(slave, "w") as stderr, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            work()
        return screen.rest()
    finally:
        screen.close()


def test_a_terminal_has_a_bar_for_each_blob_and_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        with shown("pulling", is_quiet=False) as watcher:
            _pull(watcher)

    frames = _on_a_terminal(monkeypatch, work)
    last = frames[frames.rindex("pulling") :]
    assert "7.0/7.0 MiB" in last, "of all blobs together"
    for name in ("config", "b" * 12, "c" * 12, "d" * 12):
        assert name in last
    assert "there already" in last
    assert "unpacked" in last
    assert "\x1b[?25h" in frames, "the cursor is there again"


def test_a_log_has_a_line_for_each_thing_that_became_of_a_blob(capsys: pytest.CaptureFixture[str]) -> None:
    with shown("pulling", is_quiet=False) as watcher:
        _pull(watcher)
    read = capsys.readouterr()
    assert read.out == ""
    assert read.err.splitlines() == [
        "aaaaaaaaaaaa  0.977 KiB  done",
        "bbbbbbbbbbbb  1 MiB  there already",
        "cccccccccccc  1 MiB  resumed",
        "cccccccccccc  2 MiB  done",
        "dddddddddddd  4 MiB  done",
        "dddddddddddd  4 MiB  unpacking",
        "dddddddddddd  4 MiB  unpacked",
    ]


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        with shown("pulling", is_quiet=True) as watcher:
            _pull(watcher)

    assert _on_a_terminal(monkeypatch, work) == ""


def test_an_interrupt_gives_the_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        with shown("pulling", is_quiet=False) as watcher:
            watcher.planned([LAYER])
            raise KeyboardInterrupt

    def work() -> None:
        with pytest.raises(KeyboardInterrupt):
            interrupted()

    assert "\x1b[?25h" in _on_a_terminal(monkeypatch, work)
