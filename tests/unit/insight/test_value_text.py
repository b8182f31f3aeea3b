"""Values as a reader sees them."""

from __future__ import annotations

from orlop.insight.value_text import attribute_names, capability_names, printable, propagation_name, words_text
from orlop.linux.flags import MOUNT_ATTR_NODEV, MOUNT_ATTR_RDONLY, MS_REC, MS_SLAVE


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert printable("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"
    assert printable("\x01 \x02 é") == "PID START_TIME é"


def test_a_long_command_is_shortened() -> None:
    assert words_text(["x" * 100]) == "x" * 60 + "..."
    assert words_text(["", "a"]) == "'' a"


def test_capabilities_without_a_name_are_a_number() -> None:
    assert capability_names(1 << 63 | 1) == ["CAP_CHOWN", hex(1 << 63)]
    assert capability_names(0) == []


def test_propagation_by_name() -> None:
    assert propagation_name(MS_SLAVE) == "slave"
    assert propagation_name(MS_SLAVE | MS_REC) == "rslave"
    assert propagation_name(0) == ""


def test_attributes_are_options() -> None:
    assert attribute_names(MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY) == ["ro", "nodev"]
    assert attribute_names(0) == []
