"""`orun explain` on this host: it tells what `run` does here, makes nothing, and needs no container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .leftovers import cgroups_of
from .marks import orun_only

if TYPE_CHECKING:
    from .container import Container

pytestmark = orun_only("explain is a verb of orun alone")


def test_a_field_is_told_with_the_operations_that_it_becomes(container: Container) -> None:
    container.bundle.write()
    lines = container.runtime.call("explain", container.bundle.directory).check().lines
    position = lines.index("hostname: box")
    assert "UTS namespace" in lines[position + 1]
    assert lines[position + 2].endswith("set the host name to box")
    assert any(line.startswith("  linux.seccomp ") for line in lines)


def test_nothing_is_made(container: Container) -> None:
    container.bundle.write()
    before = sorted(path.name for path in container.bundle.directory.iterdir())
    container.runtime.call("explain", "--bundle", container.bundle.directory).check()
    assert sorted(path.name for path in container.bundle.directory.iterdir()) == before
    assert not container.runtime.root.exists()
    assert cgroups_of(container.runtime.token) == []


def test_the_cgroup_is_where_this_host_has_it(container: Container) -> None:
    container.bundle.config["linux"]["cgroupsPath"] = f"/{container.id}"
    container.bundle.config["linux"]["resources"]["pids"] = {"limit": 77}
    container.bundle.write()
    document = json.loads(container.runtime.call("explain", "-f", "json", container.bundle.directory).check().out)
    (entry,) = (one for one in document["fields"] if one["field"] == "linux.resources.pids.limit")
    (text,) = (one["text"] for one in entry["operations"])
    assert text.startswith('write "77" to /sys/fs/cgroup/')
    assert text.endswith(f"{container.id}/pids.max")


def test_a_running_container_does_not_hinder(container: Container) -> None:
    container.bundle.config["linux"]["cgroupsPath"] = f"/{container.id}"
    container.run_detached("sleep", "1000")
    container.runtime.call("explain", container.bundle.directory).check()


def test_an_invalid_configuration_names_its_field(container: Container) -> None:
    container.bundle.config["linux"]["namespaces"].append({"type": "net"})
    container.bundle.write()
    outcome = container.runtime.call("explain", container.bundle.directory)
    assert outcome.code == 1
    assert "config.json: linux.namespaces[5].type: " in outcome.err
    assert outcome.out == ""


def test_a_diagram(container: Container) -> None:
    container.bundle.write()
    lines = container.runtime.call("explain", "-f", "mermaid", container.bundle.directory).check().lines
    assert lines[0] == "sequenceDiagram"
    assert any(line.startswith("    Note over I: mounts[0]: proc on /proc<br/>new_mount, ") for line in lines)
