"""`orun list`: a table, JSON, or ids."""

from __future__ import annotations

import json
import os
import pwd
from typing import TYPE_CHECKING

import pytest

from orlop.runtime.verb_list import VERB, _owner

from .samples import CREATED, make_sample

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orun

_NO_USER = 4_000_000_000


def test_it_takes_flags_only() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("list", 0, 0)
    assert [flag.names for flag in VERB.flags] == [["format", "f"], ["quiet", "q"]]


@pytest.mark.parametrize("flags", [(), ("-q",), ("-f", "json")])
def test_a_damaged_state_is_told_and_left_out(orun: Orun, root: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    make_sample(root, "whole")
    (make_sample(root, "torn").directory / "state.json").write_text("garbage", encoding="ascii")
    outcome = orun("list", *flags)
    assert outcome.code == 0
    assert "whole" in outcome.out
    assert "torn" not in outcome.out
    ((fd, text),) = outcome.writes
    assert (fd, text.partition(", so ")[0]) == (2, 'orun: warning: container "torn": its state.json is damaged')
    assert orun("--log", str(tmp_path / "log"), "list", *flags).writes == []
    assert 'level=warning msg="container \\"torn\\": its state.json' in (tmp_path / "log").read_text(encoding="utf-8")


def test_json_of_nothing_is_null_as_in_go(orun: Orun) -> None:
    assert orun("list", "--format", "json").out.strip() == "null"


def test_the_table_of_nothing_is_its_head(orun: Orun) -> None:
    assert orun("list").out == "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"


def test_json_has_the_state_of_each_container_with_its_owner(orun: Orun, root: Path) -> None:
    make_sample(root, "b", annotations={"key": "value"})
    make_sample(root, "a")
    first, second = json.loads(orun("list", "-f", "json").out)
    owner = pwd.getpwuid(os.getuid()).pw_name
    assert first == {
        "ociVersion": "1.0.2",
        "id": "a",
        "pid": 0,
        "status": "stopped",
        "bundle": "/bundle",
        "rootfs": "/bundle/rootfs",
        "created": CREATED,
        "owner": owner,
    }
    assert (second["id"], second["annotations"]) == ("b", {"key": "value"})


def test_a_column_is_three_wider_than_its_longest_text_and_twelve_at_least(orun: Orun, root: Path) -> None:
    make_sample(root, "a-long-container-id", bundle="/b")
    head, row = orun("list").out.splitlines()
    assert head.index("PID") == row.index("0  ") == len("a-long-container-id") + 3
    assert head.index("STATUS") - head.index("PID") == 12
    assert head.index("BUNDLE") - head.index("STATUS") == 12
    assert head.index("CREATED") - head.index("BUNDLE") == 12
    assert head.index("OWNER") - head.index("CREATED") == len(CREATED) + 3
    assert row.split() == ["a-long-container-id", "0", "stopped", "/b", CREATED, pwd.getpwuid(os.getuid()).pw_name]


def test_quiet_prints_ids_in_order_whatever_the_format(orun: Orun, root: Path) -> None:
    for name in ("b", "a", "c"):
        make_sample(root, name)
    assert orun("list", "-q").out == "a\nb\nc\n"
    assert orun("list", "-q", "-f", "json").out == "a\nb\nc\n"


def test_an_unknown_format_is_refused(orun: Orun) -> None:
    outcome = orun("list", "--format=yaml")
    assert (outcome.code, outcome.err) == (
        1,
        'orun: --format: "yaml" is no format of list; use table or json\n',
    )


def test_a_container_that_went_away_has_no_owner(tmp_path: Path) -> None:
    assert _owner(str(tmp_path / "gone")) == ""


@pytest.mark.needs_root
def test_an_owner_without_a_name_is_a_number(tmp_path: Path) -> None:
    os.chown(tmp_path, _NO_USER, -1)
    assert _owner(str(tmp_path)) == f"#{_NO_USER}"
