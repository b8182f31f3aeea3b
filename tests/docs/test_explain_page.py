"""docs/explain.md tells the truth: its outputs are made again from its own configurations, and compared."""

from __future__ import annotations

import json
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
        is_run=True,
        is_detached=False,
    )
    return explain(config, compile_create(config, facts, request), "v2")


def _assert_shown(shown: str, real: str) -> None:
    """Each part between two `[...]` stands in the output, line by line, after the part before it."""
    lines = real.splitlines()
    position = 0
    for part in re.split(rf"\n*^{re.escape(_LEFT_OUT)}\n+", shown, flags=re.MULTILINE):
        wanted = part.strip("\n").splitlines()
        ends = [end for end in range(position, len(lines) + 1) if lines[max(0, end - len(wanted)) : end] == wanted]
        assert ends, f"not in the output any more:\n{part}\nThe output is:\n{real}"
        position = ends[0]


@pytest.mark.parametrize("form", [explain_table, explain_json])
def test_what_the_page_shows_of_explain(form: Any) -> None:
    shown = _blocks("console")[0].partition("\n")[2] if form is explain_table else _blocks("json")[1]
    real = form(_explanation())
    _assert_shown(shown, real)
    assert shown.partition("\n")[0] == real.partition("\n")[0], "it is shown from its first line on"


def test_the_diagram_of_the_page_is_whole() -> None:
    assert _blocks("mermaid") == [explain_mermaid(_explanation())]


def test_what_the_page_shows_of_diff() -> None:
    assert _blocks("console")[1].partition("\n")[2] == diff_table(diff(_config(), _changed()))


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


def test_a_line_that_is_not_in_the_output_is_found() -> None:
    _assert_shown("a\n\n[...]\n\nc\n", "a\nb\nc\n")
    for wrong in ("c\n[...]\na\n", "a\nc\n", "d\n", "a\n[...]\nd\n"):
        with pytest.raises(AssertionError, match="not in the output any more"):
            _assert_shown(wrong, "a\nb\nc\n")
