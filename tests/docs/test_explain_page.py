"""docs/explain.md tells the truth: its outputs are made again from its own configurations, and compared.

Where only numbers of operations have changed, and in whole outputs, ORLOP_WRITE_GOLDEN=1 writes the page anew: read the
difference then.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from orlop.insight.diff import diff
from orlop.insight.diff_json import diff_json
from orlop.insight.diff_table import diff_table
from orlop.insight.explain import explain
from orlop.insight.explain_json import explain_json
from orlop.insight.explain_mermaid import explain_mermaid
from orlop.insight.explain_table import explain_table
from orlop.oci.config import load_config
from orlop.oci.container_id import parse_container_id
from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.plan.context import CreateRequest, HostFacts
from orlop.plan.create import compile_create

_PAGE = Path(__file__).resolve().parents[2] / "docs/explain.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LEFT_OUT = "[...]"
_NUMBER = re.compile(r"\d+")


def _blocks(kind: str) -> list[str]:
    return [match[2] for match in _BLOCK.finditer(_PAGE.read_text(encoding="utf-8")) if match[1] == kind]


def _config() -> dict[str, Any]:
    return load_config(_blocks("json")[0]).raw


def _changed() -> dict[str, Any]:
    return load_config(json.dumps(_merged(json.loads(_blocks("json")[0]), json.loads(_blocks("json")[2])))).raw


def _merged(value: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), item)
    return result


def _explanation() -> Any:
    """As the verb makes it, on a host with cgroup v2 that has all capabilities."""
    config = _config()
    cgroup = "/sys/fs/cgroup/ID"
    facts = HostFacts(
        cgroups=CgroupPlacement("v2", [CgroupDirectory("", ("cpu", "memory", "pids"), cgroup, [cgroup])]),
        capability_mask=(1 << 41) - 1,
    )
    request = CreateRequest(
        container_id=parse_container_id("ID"),
        bundle="/srv/web",
        state_directory="/run/orun/ID",
        state_template=b"{}",
        config_data=b"{}",
        is_run=True,
        is_detached=False,
    )
    return explain(config, compile_create(config, facts, request), "v2")


def _masked(line: str) -> str:
    """Without numbers, and without the spaces that make up for their width."""
    return re.sub(r" +", " ", _NUMBER.sub("0", line))


def _now(shown: str, real: str) -> str:
    """What is shown, as the output has it now: each part between two `[...]`, in its order, whatever the numbers."""
    lines = real.splitlines()
    like = [_masked(line) for line in lines]
    position = 0
    parts = re.split(rf"(\n*^{re.escape(_LEFT_OUT)}\n+)", shown, flags=re.MULTILINE)
    for index in range(0, len(parts), 2):
        wanted = [_masked(line) for line in parts[index].rstrip("\n").split("\n")]
        starts = [at for at in range(position, len(lines)) if like[at : at + len(wanted)] == wanted]
        assert starts, f"not in the output any more:\n{parts[index]}\nThe output is:\n{real}"
        position = starts[0] + len(wanted)
        parts[index] = "\n".join(lines[starts[0] : position])
    return "".join(parts).rstrip("\n") + "\n"


def _check(shown: str, real: str) -> None:
    """Hold a block of the page to what it should be, or write it there."""
    if os.environ.get("ORLOP_WRITE_GOLDEN"):
        _PAGE.write_text(_PAGE.read_text(encoding="utf-8").replace(shown, real), encoding="utf-8")
    else:
        assert shown == real, "if it is meant: ORLOP_WRITE_GOLDEN=1 pytest tests/docs"


@pytest.mark.parametrize("form", [explain_table, explain_json])
def test_what_the_page_shows_of_explain(form: Any) -> None:
    shown = _blocks("console")[0].partition("\n")[2] if form is explain_table else _blocks("json")[1]
    real = form(_explanation())
    _check(shown, _now(shown, real))
    assert shown.partition("\n")[0] == real.partition("\n")[0], "it is shown from its first line on"


def test_the_diagram_of_the_page_is_whole() -> None:
    (shown,) = _blocks("mermaid")
    _check(shown, explain_mermaid(_explanation()))


def test_what_the_page_shows_of_diff() -> None:
    _check(_blocks("console")[1].partition("\n")[2], diff_table(diff(_config(), _changed())))


@pytest.mark.parametrize(
    "document",
    [explain_json(_explanation()), diff_json(diff(_config(), _changed()), "/srv/web", "/srv/debug")],
    ids=["explain", "diff"],
)
def test_the_page_names_every_key(document: str) -> None:
    text = _PAGE.read_text(encoding="utf-8")
    keys = set(json.loads(document))
    for value in json.loads(document).values():
        items = value if isinstance(value, list) else []
        keys |= {key for item in items if isinstance(item, dict) for key in item}
    missing = {key for key in keys if f"`{key}`" not in text}
    assert missing <= {"mechanism"}, "shown in the example only"


def test_numbers_are_brought_up_to_date_and_nothing_else() -> None:
    assert _now("a 1  x\n\n[...]\n\nc 9\n", "a 12 x\nb\nc 3\n") == "a 12 x\n\n[...]\n\nc 3\n"
    for wrong in ("c\n[...]\na\n", "a\nc\n", "d\n", "a\n[...]\nd\n"):
        with pytest.raises(AssertionError, match="not in the output any more"):
            _now(wrong, "a\nb\nc\n")
