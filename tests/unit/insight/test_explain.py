"""An explanation tells every operation of the compiler's plan, each under its field, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.insight.explain import SECTION_NAMES, explain
from orlop.insight.field_role import ENTRY
from orlop.insight.field_words import FIELD_WORDS
from orlop.insight.operation_text import operation_text

from .plans import checked, compiled, default_config, full_config


def _configurations() -> dict[str, dict[str, Any]]:
    default = default_config()
    without_mounts = default_config()
    without_mounts["linux"] = {"namespaces": [{"type": "pid"}], "resources": {}}
    without_mounts["mounts"] = []
    del without_mounts["hostname"]
    without_mounts["root"]["readonly"] = False
    least = {"ociVersion": "1.0.2", "process": {"args": ["x"], "cwd": "/"}, "root": {"path": "r"}}
    return {"default": default, "full": full_config(), "chroot": without_mounts, "least": least}


@pytest.mark.parametrize("mode", ["v1", "v2"])
@pytest.mark.parametrize("name", list(_configurations()))
def test_every_operation_of_the_plan_is_told_once_in_its_place(name: str, mode: str) -> None:
    config = checked(_configurations()[name])
    plan = compiled(config, mode=mode)
    explanation = explain(config, plan, mode)
    places = [
        (section_name, index, step.operation)
        for section_name, section in zip(SECTION_NAMES, plan.sections(), strict=True)
        for index, step in enumerate(section.steps)
    ]
    assert [(one.section, one.index, one.name) for one, _ in explanation.operations] == places
    told = [one for entry in (*explanation.entries, *explanation.runtime) for one in entry.operations]
    assert sorted((one.section, one.index, one.name) for one in told) == sorted(places)


@pytest.mark.parametrize("mode", ["v1", "v2"])
@pytest.mark.parametrize("name", list(_configurations()))
def test_every_operation_stands_under_a_field_of_the_tables(name: str, mode: str) -> None:
    config = checked(_configurations()[name])
    explanation = explain(config, compiled(config, mode=mode), mode)
    for entry in explanation.entries:
        assert entry.field.partition("[")[0] in FIELD_WORDS, f"{entry.field}: a field that the tables do not know"


def _entry(config: dict[str, Any], field: str, **request: Any) -> Any:
    valid = checked(config)
    explanation = explain(valid, compiled(valid, **request), "v2")
    return next(one for one in (*explanation.entries, *explanation.runtime) if one.field == field)


def _names(entry: Any) -> list[str]:
    return [one.name for one in entry.operations]


def test_each_mount_has_its_own_operations() -> None:
    entry = _entry(default_config(), "mounts[1]")
    assert entry.value == "tmpfs on /dev (nosuid, strictatime, mode=755, size=65536k)"
    assert _names(entry) == ["new_mount", "target", "verify_filesystem", "move_mount", "close"]
    assert entry.operations[3].text == "attach the new tmpfs at /dev"


def test_what_comes_from_a_default_is_not_set() -> None:
    entry = _entry(default_config(), "linux.devices")
    assert not entry.is_set
    assert _names(entry) == ["mknod"] * 6 + ["symlink"] * 5


def test_a_device_of_the_configuration_is_told_beside_the_default_ones() -> None:
    config = default_config()
    config["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]
    assert _names(_entry(config, "linux.devices[0]")) == ["mknod"]
    assert "/dev/fuse" not in " ".join(one.text for one in _entry(config, "linux.devices").operations)


def test_a_joined_namespace_is_told_under_namespaces() -> None:
    entry = _entry(full_config(), "linux.namespaces")
    assert "setns" in _names(entry)
    assert any("ipc (joins /proc/7/ns/ipc)" in note for note in entry.notes)


def test_keys_of_the_user_do_not_hide_the_field() -> None:
    config = default_config()
    config["linux"]["sysctl"] = {"net.ipv4.conf.eth0/1.forwarding": "1"}
    entry = _entry(config, "linux.sysctl")
    assert _names(entry) == ["new_mount", "sysctl", "close"]


@pytest.mark.parametrize("destination", ["/a (b", "/x[3].y", "/linux.devices[0]", "/ (c) (d"])
def test_a_path_with_brackets_does_not_hide_its_mount(destination: str) -> None:
    config = default_config()
    config["mounts"] = [{"destination": destination, "type": "tmpfs"}]
    assert "new_mount" in _names(_entry(config, "mounts[0]"))


def test_what_every_container_gets_is_told_apart() -> None:
    assert _names(_entry(default_config(), "state directory"))[0] == "claim"
    assert "setsid" in _names(_entry(default_config(), "process"))


def test_a_limit_is_the_write_that_it_becomes() -> None:
    entry = _entry(full_config(), "linux.resources.pids.limit")
    assert entry.value == "10"
    assert [one.text for one in entry.operations] == ['write "10" to /sys/fs/cgroup/web/pids.max']


def test_hooks_have_an_entry_each() -> None:
    for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"):
        assert _names(_entry(full_config(), f"hooks.{kind}[0]")) == ["hook"]
    assert _names(_entry(full_config(), "hooks")) == ["wait_signal", "release", "signal", "await"]


def test_the_properties_that_are_there_are_explained() -> None:
    entry = _entry(full_config(), "linux.seccomp")
    names = [name for name, _ in entry.parts]
    assert names == [
        "defaultAction", "defaultErrnoRet", "flags", "architectures", "syscalls", "syscalls.names", "syscalls.action",
        "syscalls.args", "syscalls.args.index", "syscalls.args.value", "syscalls.args.op",
    ]  # fmt: skip
    assert [name for name, _ in _entry(full_config(), "linux.timeOffsets").parts] == ["secs", "nanosecs"]


def test_a_field_without_effect_is_told_too() -> None:
    config = default_config()
    config["annotations"] = {"a": "b"}
    config["windows"] = {"layerFolders": []}
    for field in ("annotations", "windows", "ociVersion"):
        entry = _entry(config, field)
        assert entry.is_set
        assert entry.operations == []


def test_the_environment_is_told_by_names_only() -> None:
    config = checked(full_config())
    explanation = explain(config, compiled(config), "v2")
    told = " ".join(
        text
        for entry in explanation.entries
        for text in (entry.value, *entry.notes, *(one.text for one in entry.operations))
    )
    assert "PASSWORD" in told
    assert "secret" not in told


def test_a_capability_that_cannot_be_granted_is_a_warning() -> None:
    config = checked(default_config())
    explanation = explain(config, compiled(config, mask=0), "v2")
    assert any("CAP_KILL" in warning for warning in explanation.warnings)


def test_the_text_of_an_operation_knows_what_was_opened_before() -> None:
    config = checked(default_config())
    plan = compiled(config)
    explanation = explain(config, plan, "v2")
    alone = {operation_text(step) for section in plan.sections() for step in section.steps}
    assert any("slot " in text for text in alone)
    assert "check that /dev/null is the character device 1:3" in {one.text for one, _ in explanation.operations}


def test_every_entry_that_is_set_is_in_the_order_of_the_tables() -> None:
    config = checked(full_config())
    explanation = explain(config, compiled(config), "v2")
    order = list(FIELD_WORDS)
    positions = [order.index(entry.field.partition("[")[0]) for entry in explanation.entries]
    assert positions == sorted(positions)
    assert all(FIELD_WORDS[path].role != ENTRY or path in {one.field for one in explanation.entries}
               for path in ("process.args", "linux.seccomp", "linux.resources.memory.limit"))  # fmt: skip
