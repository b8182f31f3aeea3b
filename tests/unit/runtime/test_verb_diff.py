"""`orun diff`: two configurations of the command line, compared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orlop.runtime.verb_diff import VERB

from .samples import sample_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Orun

_WEAKER: dict[str, Any] = {"root": {"path": "rootfs"}}
_OTHER: dict[str, Any] = {"hostname": "other"}


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., Path]:
    """Write the bundle `name`; `keys` replace those of the whole configuration."""

    def write(name: str, **keys: Any) -> Path:
        path = tmp_path / name / "config.json"
        path.parent.mkdir()
        path.write_text(json.dumps({**sample_config(), **keys}), encoding="ascii")
        return path

    return write


def test_it_takes_two_configurations() -> None:
    assert (VERB.minimum, VERB.maximum) == (2, 2)
    assert [flag.names for flag in VERB.flags] == [["format", "f"], ["exit-code"]]


def test_bundles_and_files_are_compared(orun: Orun, bundle: Callable[..., Path], tmp_path: Path) -> None:
    bundle("a")
    bundle("b", **_WEAKER)
    outcome = orun("diff", "a", "b/config.json")
    assert (outcome.code, outcome.err, outcome.plans) == (0, "", [])
    assert "weaker    root.readonly: read-only -> writable\n" in outcome.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_json_names_the_files(orun: Orun, bundle: Callable[..., Path]) -> None:
    paths = [str(bundle("a")), str(bundle("b", **_OTHER))]
    document = json.loads(orun("diff", "-f", "json", "a", "b").out)
    assert [document["old"], document["new"]] == paths
    assert document["other"] == [{"field": "hostname", "old": "orun", "new": "other"}]


@pytest.mark.parametrize(("old", "new", "code"), [({}, {}, 0), ({}, _OTHER, 2), (_WEAKER, {}, 2), ({}, _WEAKER, 3)])
def test_the_exit_code_tells_on_demand(
    orun: Orun, bundle: Callable[..., Path], old: dict[str, Any], new: dict[str, Any], code: int
) -> None:
    bundle("a", **old)
    bundle("b", **new)
    assert orun("diff", "--exit-code", "a", "b").code == code
    assert orun("diff", "--exit-code", "--format", "json", "a", "b").code == code
    assert orun("diff", "a", "b").code == 0


def test_a_configuration_that_is_not_valid_is_named_with_its_field(orun: Orun, bundle: Callable[..., Path]) -> None:
    bundle("a")
    path = bundle("b", hostname=5)
    outcome = orun("diff", "--exit-code", "a", "b")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == f"orun: cannot compare: {path}: hostname: 5 is not a string; write a string\n"


def test_a_configuration_that_is_not_there_is_named(orun: Orun, bundle: Callable[..., Path], tmp_path: Path) -> None:
    bundle("a")
    assert orun("diff", "a", "none").err == (
        f"orun: {tmp_path}/none does not exist; name a config.json, or the directory of a bundle\n"
    )


def test_a_format_that_it_has_not(orun: Orun) -> None:
    assert orun("diff", "-f", "mermaid", "a", "b").err == (
        'orun: --format: "mermaid" is no format of diff; use table or json\n'
    )


@pytest.mark.parametrize("words", [[], ["a"], ["a", "b", "c"]])
def test_another_number_of_configurations_is_refused(orun: Orun, words: list[str]) -> None:
    assert orun("diff", *words).code == 1
