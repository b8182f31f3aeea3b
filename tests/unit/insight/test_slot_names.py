"""What the slots of a plan hold, in words."""

from __future__ import annotations

from orlop.insight.slot_names import SlotNames
from orlop.plan.builder import Section


def _noted(section: Section) -> SlotNames:
    slots = SlotNames()
    for step in section.steps:
        slots.note(step)
    return slots


def test_a_slot_that_nothing_filled_is_a_number() -> None:
    assert SlotNames().name(7) == "slot 7"


def test_a_slot_is_what_was_opened_last() -> None:
    section = Section()
    section.add("open", fd=1, s0="/a")
    section.add("open_tree", fd=2, s0="/srv")
    section.add("claim", fd=3, s0="/run/orun/web")
    section.add("open", fd=1, s0="/b")
    slots = _noted(section)
    assert (slots.name(1), slots.name(2), slots.name(3)) == ("/b", "/srv", "/run/orun/web")


def test_a_path_below_a_slot() -> None:
    section = Section()
    section.add("open", fd=1, s0="/run/web")
    section.add("listen", fd=2, at=1, s0="start.sock")
    section.add("new_mount", fd=3, s0="tmpfs")
    slots = _noted(section)
    assert slots.path(-1, "/x") == "/x"
    assert slots.path(1, "state.json") == "/run/web/state.json"
    assert slots.path(1, "") == "/run/web"
    assert slots.path(3, "memory") == "memory in the new tmpfs"
    assert slots.name(2) == "/run/web/start.sock"


def test_a_mount_is_where_it_was_attached() -> None:
    section = Section()
    section.add("new_mount", fd=1, s0="tmpfs")
    section.add("target", fd=2, at=0, s0="/dev")
    section.add("move_mount", fd=1, at=2, s0="/dev")
    slots = _noted(section)
    assert (slots.name(1), slots.name(2)) == ("/dev", "/dev")


def test_sockets_and_processes() -> None:
    section = Section()
    section.add("connect", fd=1, s0="/run/console")
    section.add("pidfd_open", fd=2, n0=42)
    section.add("sethostname", s0="web")
    slots = _noted(section)
    assert (slots.name(1), slots.name(2)) == ("/run/console", "process 42")
