"""What may change places among the mounts, the devices and the hidden paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.plan.mount_order import are_related, devices_after, postponed_mounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Plan


@pytest.mark.parametrize(
    ("one", "other", "related"),
    [
        ("/dev", "/dev", True),
        ("/dev", "/dev/pts", True),
        ("/", "/dev", True),
        ("/dev", "/device", False),
        ("/sys/fs/cgroup", "/sys/firmware", False),
        ("/sys", "/sys/fs/cgroup", True),
    ],
)
def test_paths_are_related_when_one_lies_in_the_other(one: str, other: str, *, related: bool) -> None:
    assert are_related(one, other) is related
    assert are_related(other, one) is related


def test_devices_wait_for_the_last_mount_that_touches_dev() -> None:
    assert devices_after(["/proc", "/dev", "/dev/shm", "/sys"]) == 2
    assert devices_after(["/dev", "/srv", "/"]) == 2
    assert devices_after(["/proc", "/device"]) == -1


def _cgroup_among(*others: str) -> tuple[list[dict[str, Any]], list[str]]:
    paths = ["/sys", "/sys/fs/cgroup", *others]
    return [{"type": "cgroup" if path == "/sys/fs/cgroup" else "tmpfs"} for path in paths], paths


def test_a_cgroup_mount_waits_only_where_nothing_else_looks_at_its_place() -> None:
    hidden = ["/proc/kcore", "/sys/firmware"]
    assert postponed_mounts(*_cgroup_among(), hidden) == {1}
    assert postponed_mounts(*_cgroup_among("/srv"), hidden) == {1}
    assert postponed_mounts(*_cgroup_among("/sys/fs/cgroup/x"), hidden) == frozenset()
    assert postponed_mounts(*_cgroup_among("/sys"), hidden) == frozenset()
    assert postponed_mounts(*_cgroup_among(), ["/sys/fs"]) == frozenset()
    assert postponed_mounts(*_cgroup_among(), ["/etc/secret"]) == frozenset(), "a link of the image's may lead there"


def test_the_cgroup_is_mounted_after_the_masks_and_before_the_change_of_root(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["mounts"] = [{"destination": "/sys", "type": "sysfs"}, {"destination": "/sys/fs/cgroup", "type": "cgroup"}]
    config["linux"]["maskedPaths"] = ["/sys/firmware"]
    steps = compiled(config).inner.steps
    mounted = [index for index, step in enumerate(steps) if step.field.startswith("mounts[1]")]
    (masked,) = (index for index, step in enumerate(steps) if step.operation == "mask")
    (changed,) = (index for index, step in enumerate(steps) if step.operation == "pivot_root")
    assert masked < min(mounted) <= max(mounted) < changed


def test_hooks_see_all_mounts(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/sys", "type": "sysfs"}, {"destination": "/sys/fs/cgroup", "type": "cgroup"}]
    config["hooks"] = {"createRuntime": [{"path": "/bin/true"}]}
    steps = compiled(config).inner.steps
    mounted = max(index for index, step in enumerate(steps) if step.field.startswith("mounts[1]"))
    (told,) = (index for index, step in enumerate(steps) if step.operation == "signal" and step.field == "hooks")
    entered = max(index for index, step in enumerate(steps) if step.field == "linux.namespaces (network)")
    assert mounted < told
    assert entered < told
