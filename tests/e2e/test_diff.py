"""`orun diff`: bundles compared, from outside."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING

from .config import bind, set_capabilities
from .marks import orun_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container import Container

pytestmark = orun_only("diff is a verb of orun alone")


def _pair(new_container: Callable[[], Container]) -> tuple[Container, Container]:
    """Two bundles with the same configuration."""
    old, new = new_container(), new_container()
    new.config.update(copy.deepcopy(old.config))
    return old, new


def test_two_bundles_that_are_the_same(new_container: Callable[[], Container]) -> None:
    old, new = (one.bundle.write() for one in _pair(new_container))
    runtime = new_container().runtime
    assert runtime.call("diff", "--exit-code", old, new).check().out == "No difference.\n"
    assert not runtime.root.exists()


def test_what_makes_a_container_weaker_is_told_first(new_container: Callable[[], Container]) -> None:
    old, new = _pair(new_container)
    new.config["process"]["args"] = ["sleep", "1"]
    new.config["process"]["noNewPrivileges"] = False
    set_capabilities(new.config, "CAP_SYS_ADMIN")
    new.config["mounts"].append(bind("/host", "/etc"))
    outcome = new.runtime.call("diff", "--exit-code", old.bundle.write(), new.bundle.write() / "config.json")
    assert outcome.code == 3
    assert outcome.err == ""
    security, _, other = outcome.out.partition("Other fields")
    for line in (
        "weaker    process.capabilities (CAP_SYS_ADMIN): not set -> bounding, permitted, effective",
        "weaker    process.noNewPrivileges: true -> false",
        "weaker    mounts (/host): not set -> /etc on /host (bind)",
        "stronger  process.capabilities (CAP_KILL): bounding, permitted, effective -> not set",
    ):
        assert f"\n{line}\n" in security
    assert 'process.args: ["true"] -> ["sleep","1"]' in other


def test_as_json(new_container: Callable[[], Container]) -> None:
    old, new = _pair(new_container)
    new.config["root"]["readonly"] = False
    paths = [one.bundle.write() for one in (old, new)]
    document = json.loads(new.runtime.call("diff", "-f", "json", *paths).check().out)
    assert [(one["field"], one["verdict"]) for one in document["security"]] == [("root.readonly", "weaker")]
    assert document["other"] == []


def test_a_file_that_is_no_configuration_is_an_error(new_container: Callable[[], Container]) -> None:
    old, new = _pair(new_container)
    new.config["process"]["args"] = []
    paths = [one.bundle.write() for one in (old, new)]
    outcome = new.runtime.call("diff", "--exit-code", *paths)
    assert outcome.code == 1
    assert f"{paths[1]}/config.json: process.args: " in outcome.err
