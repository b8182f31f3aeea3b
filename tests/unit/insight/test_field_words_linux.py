"""The words for the fields below `linux`."""

from __future__ import annotations

from orlop.insight.field_role import NOTHING
from orlop.insight.field_words_linux import LINUX_WORDS
from orlop.plan.cgroups import limit_writes


def test_they_are_all_below_linux() -> None:
    assert all(path == "linux" or path.startswith("linux.") for path in LINUX_WORDS)


def test_what_becomes_no_cgroup_file_is_not_said_to() -> None:
    """Each field with a value of its own, on both versions: those that write nothing are explained as such."""
    for path, row in LINUX_WORDS.items():
        section, _, key = path.removeprefix("linux.resources.").partition(".")
        if section not in ("memory", "cpu", "pids") or not key:
            continue
        value = "0" if key in ("cpus", "mems") else 1
        resources = {section: {key: value}}
        writes = limit_writes(resources, is_v2=False)
        assert bool(writes) is (row.mechanism != NOTHING), path
