"""Every field of config.json is explained."""

from __future__ import annotations

from orlop.insight.field_role import EACH, ENTRY, GROUP, PART
from orlop.insight.field_words import FIELD_WORDS

from .schema_paths import schema_paths


def test_the_schema_is_read_out_whole() -> None:
    paths = schema_paths()
    assert len(paths) == len(set(paths))
    for path in ("ociVersion", "mounts.options", "hooks.poststop.timeout", "linux.seccomp.syscalls.args.op",
                 "linux.timeOffsets.secs", "linux.resources.pids.limit", "linux.sysctl"):  # fmt: skip
        assert path in paths


def test_every_field_of_the_schema_is_explained_and_nothing_else() -> None:
    assert sorted(FIELD_WORDS) == sorted(schema_paths())


def test_an_explanation_is_a_sentence() -> None:
    for path, row in FIELD_WORDS.items():
        assert row.words.endswith("."), path
        assert row.words[0].isupper() or row.words.startswith(("c ", "c,", "r ")), path


def test_what_is_told_on_its_own_names_its_mechanism() -> None:
    for path, row in FIELD_WORDS.items():
        assert bool(row.mechanism) is (row.role in (ENTRY, EACH)), path


def test_a_part_belongs_to_something_that_is_told() -> None:
    for path, row in FIELD_WORDS.items():
        if row.role != PART:
            continue
        above = path.rpartition(".")[0]
        assert FIELD_WORDS[above].role in (ENTRY, EACH, PART), path


def test_what_is_told_stands_below_groups_only() -> None:
    for path, row in FIELD_WORDS.items():
        above = path.rpartition(".")[0]
        if row.role in (ENTRY, EACH, GROUP) and above and above != "hooks":
            assert FIELD_WORDS[above].role == GROUP, path
