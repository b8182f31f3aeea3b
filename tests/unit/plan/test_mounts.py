"""Mounts: detached sources, isolation, links, order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.linux.flags import (
    AT_RECURSIVE,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
    OPEN_TREE_CLONE,
)
from orlop.plan.builder import u64_blob
from orlop.plan.mounts import (
    PROC_SUPER_MAGIC,
    attributes_blob,
    clean_destination,
    is_dev_bound,
    root_propagation,
    source_propagation,
)
from orlop.plan.operations import NO_SYMLINKS, TARGET_LIKE_SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Plan, Section, Step


_ATTACHED = ["target", "verify_filesystem", "move_mount", "close"]


def _about(section: Section, field: str) -> list[str]:
    return [step.operation for step in section.steps if step.field.startswith(field)]


def _steps(section: Section, field: str) -> list[Step]:
    return [step for step in section.steps if step.field.startswith(field)]


def _before_it_is_attached(plan: Plan) -> list[Step]:
    """What is done to the source of the first mount."""
    steps = _steps(plan.inner, "mounts[0]")
    names = [step.operation for step in steps]
    return steps[: names.index("target")]


def _bind(destination: str, options: list[str], source: str = "/srv") -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": source, "options": options}


@pytest.mark.parametrize(
    ("text", "clean"),
    [("/a", "/a"), ("a/b", "/a/b"), ("/a/../b", "/b"), ("/../../x", "/x"), ("//a///b/./", "/a/b"), ("/..", "/")],
)
def test_destinations_stay_below_the_root(text: str, clean: str) -> None:
    assert clean_destination(text) == clean


def test_a_bind_is_read_only_before_it_is_attached(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/data", ["rbind", "ro"])]
    plan = compiled(config)
    before = _steps(plan.inner, "mounts[0]")
    assert [step.operation for step in before] == [*("open_tree", "mount_setattr", "mount_setattr"), *_ATTACHED]
    assert before[0].n0 & AT_RECURSIVE
    assert before[1].blob == u64_blob(0, 0, MS_SLAVE, 0)
    assert before[2].blob == u64_blob(MOUNT_ATTR_RDONLY, 0, 0, 0)


def test_recursive_options_are_recursive(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/data", ["rbind", "rro"])]
    last = _before_it_is_attached(compiled(config))[-1]
    assert last.n0 & AT_RECURSIVE
    assert last.blob == attributes_blob(MOUNT_ATTR_RDONLY)


def test_a_relative_destination_is_a_warning(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("data/./x", ["bind"]), _bind("/more", ["bind"])]
    plan = compiled(config)
    assert plan.warnings == ['mounts[0].destination: "data/./x" is not absolute, and taken as /data/x']


def test_options_of_a_file_system_are_a_warning_on_a_bind(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["mounts"] = [_bind("/data", ["bind", "mode=755", "readonly\n", "ro"]), _bind("/more", ["bind"])]
    plan = compiled(config)
    assert plan.warnings == ['mounts[0].options: no effect on a bind mount: "mode=755", "readonly\\n"']
    assert [step.operation for step in _steps(plan.inner, "mounts[0]")][-len(_ATTACHED) :] == _ATTACHED


def test_a_relative_source_is_the_bundles(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/data", ["bind"], source="files/x")]
    sources = [step.s0 for step in compiled(config).inner.steps if step.operation == "open_tree"]
    assert "/bundle/files/x" in sources


def test_a_tmpfs_becomes_read_only_last(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/t", "type": "tmpfs", "options": ["ro", "nosuid"]}]
    steps = [step for step in compiled(config).inner.steps if step.field == "mounts[0] (/t)"]
    assert not next(step for step in steps if step.operation == "new_mount").n0 & MOUNT_ATTR_RDONLY
    assert steps[-1].operation == "mount_setattr"
    assert steps[-1].blob == attributes_blob(MOUNT_ATTR_RDONLY)


def test_tmpcopyup_copies_before_it_covers(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/etc", "type": "tmpfs", "options": ["tmpcopyup"]}]
    names = _about(compiled(config).inner, "mounts[0]")
    assert names.index("copy_tree") < names.index("move_mount")


@pytest.mark.parametrize(("options", "inherits"), [([], True), (["size=1m"], True), (["mode=1777"], False)])
def test_a_tmpfs_without_a_mode_takes_that_of_the_directory_below(
    config: dict[str, Any], compiled: Callable[..., Plan], *, options: list[str], inherits: bool
) -> None:
    config["mounts"] = [{"destination": "/root", "type": "tmpfs", "options": options}]
    steps = [step for step in compiled(config).inner.steps if step.field == "mounts[0] (/root)"]
    names = [step.operation for step in steps]
    assert ("inherit_mode" in names) is inherits
    if inherits:
        # Before the target is made: what is made for the mount has no mode to inherit.
        assert names.index("inherit_mode") < names.index("target")
        assert steps[names.index("inherit_mode")].s0 == "/root"


def test_the_cgroup_is_joined_before_it_is_shown(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    names = [(step.operation, step.field) for step in compiled(config).inner.steps]
    joined = max(index for index, (name, _) in enumerate(names) if name == "write_slot")
    shown = min(index for index, (name, field) in enumerate(names) if name == "open_tree" and "cgroup" in field)
    assert joined < shown


@pytest.mark.parametrize("path", ["/proc", "/sys", "/dev"])
def test_kernel_file_systems_are_refused_behind_a_link(
    config: dict[str, Any], compiled: Callable[..., Plan], path: str
) -> None:
    targets = [step for step in compiled(config).inner.steps if step.operation == "target" and step.s0 == path]
    assert targets
    assert all(step.flags & NO_SYMLINKS for step in targets)


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        (_bind("/", ["bind"]), r'mounts\[0\]\.destination: "/" is the container\'s root'),
        (_bind("/a/..", ["bind"]), r'mounts\[0\]\.destination: "/" is the container\'s root'),
        (_bind("/proc/1/x", ["bind"]), r'mounts\[0\]\.destination: "/proc/1/x" is inside /proc'),
        ({"destination": "/proc/x", "type": "tmpfs"}, r'mounts\[0\]\.destination: "/proc/x" is inside /proc'),
    ],
)
def test_destinations_that_are_refused(
    config: dict[str, Any], compiled: Callable[..., Plan], mount: dict[str, Any], message: str
) -> None:
    config["mounts"] = [mount]
    with pytest.raises(InvalidArgument, match=message):
        compiled(config)


def test_what_lxcfs_offers_may_cover_files_of_proc(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/proc/meminfo", ["bind"])]
    assert "verify_filesystem" not in _about(compiled(config).inner, "mounts[0]")


def test_only_a_procfs_may_be_bound_to_proc(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/proc", ["rbind"])]
    assert "verify_filesystem" in [step.operation for step in _before_it_is_attached(compiled(config))]


@pytest.mark.parametrize(
    ("wanted", "root", "source"),
    [
        ("", MS_SLAVE | MS_REC, MS_SLAVE),
        ("rprivate", MS_PRIVATE | MS_REC, MS_PRIVATE),
        ("shared", MS_SHARED, 0),
    ],
)
def test_propagation(wanted: str, root: int, source: int) -> None:
    linux = {"rootfsPropagation": wanted}
    assert root_propagation(linux) == root
    assert source_propagation(linux) == source


def test_a_bound_dev_is_not_filled() -> None:
    assert is_dev_bound([_bind("/dev/", [])])
    assert is_dev_bound([{"destination": "/dev", "type": "none", "source": "/dev", "options": ["rbind"]}])
    assert not is_dev_bound([{"destination": "/dev", "type": "tmpfs"}, _bind("/dev/x", ["bind"])])


@pytest.mark.parametrize(
    ("options", "is_recursive"), [(["bind"], False), (["rbind"], True), (["bind", "rbind"], True), ([], False)]
)
def test_only_rbind_takes_the_mounts_below_along(
    config: dict[str, Any], compiled: Callable[..., Plan], options: list[str], *, is_recursive: bool
) -> None:
    config["mounts"] = [_bind("/data", options)]
    opened = _before_it_is_attached(compiled(config))[0]
    assert (opened.operation, opened.s0) == ("open_tree", "/srv")
    assert opened.n0 == OPEN_TREE_CLONE | (AT_RECURSIVE if is_recursive else 0)


def test_a_bind_is_cut_off_before_anything_else_is_done_to_it(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["mounts"] = [_bind("/data", ["rbind", "rshared", "ro"])]
    for wanted, isolation in (("", MS_SLAVE), ("private", MS_PRIVATE), ("runbindable", MS_PRIVATE)):
        config["linux"]["rootfsPropagation"] = wanted
        steps = _before_it_is_attached(compiled(config))
        assert (steps[1].blob, steps[1].n0) == (attributes_blob(0, 0, isolation), AT_RECURSIVE)
        assert steps[-1].blob == attributes_blob(0, 0, MS_SHARED)


def test_with_a_shared_root_binds_keep_their_peers_and_the_rootfs_does_not(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["linux"]["rootfsPropagation"] = "rshared"
    config["mounts"] = [_bind("/data", ["rbind"])]
    plan = compiled(config)
    assert _about(plan.outer, "mounts[0]") == ["open_tree"]
    assert _about(plan.outer, "root.path") == ["open_tree", "mount_setattr"]


@pytest.mark.parametrize(
    ("option", "propagation", "is_recursive"),
    [
        ("private", MS_PRIVATE, False),
        ("rprivate", MS_PRIVATE, True),
        ("slave", MS_SLAVE, False),
        ("rslave", MS_SLAVE, True),
        ("shared", MS_SHARED, False),
        ("runbindable", MS_UNBINDABLE, True),
    ],
)
def test_propagation_of_a_bind(
    config: dict[str, Any], compiled: Callable[..., Plan], option: str, propagation: int, *, is_recursive: bool
) -> None:
    config["mounts"] = [_bind("/data", ["bind", option])]
    last = _before_it_is_attached(compiled(config))[-1]
    assert (last.blob, last.n0) == (attributes_blob(0, 0, propagation), AT_RECURSIVE if is_recursive else 0)


def test_rw_clears_what_the_source_has(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/data", ["bind", "rw", "exec"])]
    last = _before_it_is_attached(compiled(config))[-1]
    assert last.blob == attributes_blob(0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC)


def test_no_attribute_of_a_bind_changes_once_it_is_attached(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["mounts"] = [_bind("/data", ["rbind", "ro", "rnosuid", "rshared"])]
    assert _about(compiled(config).inner, "mounts[0]")[-len(_ATTACHED) :] == _ATTACHED


def test_a_missing_target_is_made_like_its_source(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/data", ["bind"])]
    plan = compiled(config)
    source = _before_it_is_attached(plan)[0].fd
    (target,) = [step for step in _steps(plan.inner, "mounts[0]") if step.operation == "target"]
    assert target.n1 == TARGET_LIKE_SOURCE | source << 8


def test_mounts_are_made_in_their_order(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/t", "type": "tmpfs"}, _bind("/t/a", ["bind"]), _bind("/t/b", ["bind"])]
    plan = compiled(config)
    made = [step.field for step in plan.inner.steps if step.operation in ("new_mount", "open_tree")][:3]
    assert made == ["mounts[0] (/t)", "mounts[1] (/t/a)", "mounts[2] (/t/b)"]
    assert _about(plan.outer, "mounts") == []


def test_with_a_user_namespace_sources_are_opened_as_the_caller(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 1, "size": 9}]
    config["mounts"] = [_bind("/a", ["bind"]), _bind("/b", ["bind"])]
    plan = compiled(config)
    opened = [step for step in plan.outer.steps if step.operation == "open_tree" and step.field.startswith("mounts")]
    assert [step.s0 for step in opened] == ["/srv", "/srv"]
    assert opened[0].fd != opened[1].fd
    assert _about(plan.inner, "mounts[0]") == _ATTACHED


def test_in_a_joined_mount_namespace_sources_are_those_of_it(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    for namespace in config["linux"]["namespaces"]:
        if namespace["type"] == "mount":
            namespace["path"] = "/proc/7/ns/mnt"
    config["mounts"] = [_bind("/data", ["bind"])]
    plan = compiled(config)
    assert _about(plan.outer, "mounts[0]") == []
    names = [(step.operation, step.s0) for step in plan.inner.steps]
    assert names.index(("setns", "/proc/7/ns/mnt")) < names.index(("open_tree", "/srv"))


def test_a_target_in_proc_is_refused_before_anything_is_attached(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["mounts"] = [_bind("/data", ["bind"]), {"destination": "/t", "type": "tmpfs"}]
    for index in range(2):
        steps = _steps(compiled(config).inner, f"mounts[{index}]")
        (check,) = [step for step in steps if step.operation == "verify_filesystem"]
        assert (check.n0, check.n1) == (PROC_SUPER_MAGIC, 1)
        target = next(step for step in steps if step.operation == "target")
        assert check.fd == target.fd
        names = [step.operation for step in steps]
        assert names.index("target") < names.index("verify_filesystem") < names.index("move_mount")


@pytest.mark.parametrize(
    "name",
    [
        *("cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev"),
        *("sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"),
    ],
)
def test_files_of_proc_that_may_be_covered(config: dict[str, Any], compiled: Callable[..., Plan], name: str) -> None:
    config["mounts"] = [_bind(f"/proc/{name}", ["bind"])]
    assert "move_mount" in _about(compiled(config).inner, "mounts[0]")


@pytest.mark.parametrize("destination", ["/proc/self", "proc/sys", "/proc/./1/../kcore", "/x/../proc/meminfo/y"])
def test_no_other_way_into_proc(config: dict[str, Any], compiled: Callable[..., Plan], destination: str) -> None:
    for mount in (
        _bind(destination, ["bind"]),
        _bind(destination, []),
        _bind(destination, ["rbind"]) | {"type": "proc"},
    ):
        config["mounts"] = [mount]
        with pytest.raises(InvalidArgument, match=r"mounts\[0\]\.destination: .* is inside /proc"):
            compiled(config)


def test_a_procfs_may_be_mounted_below_proc(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/proc/inner", "type": "proc"}]
    assert "move_mount" in _about(compiled(config).inner, "mounts[0]")


@pytest.mark.parametrize("path", ["/proc", "/sys", "/dev"])
def test_a_bind_to_a_kernel_file_systems_place_is_refused_behind_a_link(
    config: dict[str, Any], compiled: Callable[..., Plan], path: str
) -> None:
    config["mounts"] = [_bind(f"{path}/", ["rbind"], source=path)]
    (target,) = [step for step in _steps(compiled(config).inner, "mounts[0]") if step.operation == "target"]
    assert (target.s0, target.flags) == (path, NO_SYMLINKS)


def test_links_elsewhere_are_resolved_in_the_root(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/var/run", ["bind"]), {"destination": "/dev/shm", "type": "tmpfs"}]
    plan = compiled(config)
    targets = [step for step in _steps(plan.inner, "mounts[") if step.operation == "target"]
    assert [(step.s0, step.flags) for step in targets] == [("/var/run", 0), ("/dev/shm", 0)]


def test_a_tmpfs_is_read_only_after_every_mount_device_and_link(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["mounts"] = [
        {"destination": "/dev", "type": "tmpfs", "options": ["ro"]},
        {"destination": "/dev/below", "type": "tmpfs", "options": ["ro"]},
    ]
    steps = compiled(config).inner.steps
    sealed = [(index, step) for index, step in enumerate(steps) if step.blob == attributes_blob(MOUNT_ATTR_RDONLY)]
    assert [step.field for _, step in sealed] == ["mounts[0] (/dev)", "mounts[1] (/dev/below)", "root.readonly"]
    made = [index for index, step in enumerate(steps) if step.operation in ("target", "mknod", "symlink", "mask")]
    assert max(made) < sealed[0][0]
    new = [step.fd for step in steps if step.operation == "new_mount"]
    assert [step.fd for _, step in sealed[:2]] == new
    assert not {step.fd for step in steps if step.operation == "close"} & set(new)


def test_a_writable_tmpfs_is_left_alone(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/t", "type": "tmpfs"}]
    names = _about(compiled(config).inner, "mounts[0]")
    assert names == ["new_mount", "inherit_mode", "target", "verify_filesystem", "move_mount", "close"]


@pytest.mark.parametrize(
    ("kind", "options", "data", "attributes"),
    [
        ("proc", ["ro", "nosuid"], b"", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID),
        ("sysfs", ["ro"], b"", MOUNT_ATTR_RDONLY),
        ("tmpfs", ["size=1m", "ro", "mode=755", "noexec"], b"size=1m\0mode=755\0", MOUNT_ATTR_NOEXEC),
        ("ext4", ["ro", "sync", "data=ordered"], b"data=ordered\0ro\0sync\0", MOUNT_ATTR_RDONLY),
        ("ext4", ["ro", "rw"], b"", 0),
        ("overlay", ["lowerdir=/a:/b"], b"lowerdir=/a:/b\0", 0),
    ],
)
def test_options_of_a_new_file_system(
    config: dict[str, Any], compiled: Callable[..., Plan], kind: str, options: list[str], data: bytes, attributes: int
) -> None:
    path = "/proc" if kind == "proc" else "/m"
    config["mounts"] = [{"destination": path, "type": kind, "source": "of", "options": options}]
    made = _steps(compiled(config).inner, "mounts[0]")[0]
    assert (made.operation, made.s0, made.s1) == ("new_mount", kind, "of")
    assert (made.blob, made.n0) == (data, attributes)


def test_a_source_is_the_type_when_none_is_given(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/m", "type": "tmpfs"}]
    assert _steps(compiled(config).inner, "mounts[0]")[0].s1 == "tmpfs"


def test_propagation_of_a_file_system_is_set_once_it_is_attached(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["mounts"] = [{"destination": "/m", "type": "tmpfs", "options": ["rshared"]}]
    steps = _steps(compiled(config).inner, "mounts[0]")
    assert [step.operation for step in steps[-3:]] == ["move_mount", "mount_setattr", "close"]
    assert (steps[-2].blob, steps[-2].n0) == (attributes_blob(0, 0, MS_SHARED), AT_RECURSIVE)


def test_a_mount_without_a_type_is_refused(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/m"}]
    with pytest.raises(InvalidArgument, match=r"mounts\[0\] \(/m\): a mount that is no bind mount needs a type"):
        compiled(config)


def test_what_could_cost_much_memory_is_charged_to_the_container(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["mounts"] = [{"destination": "/etc", "type": "tmpfs", "options": ["tmpcopyup"]}]
    names = [step.operation for step in compiled(config).inner.steps]
    joined = max(index for index, name in enumerate(names) if name == "write_slot")
    assert joined < names.index("copy_tree")
    assert names.count("await") == 3  # the network namespace and the cgroup are joined once, the record is awaited


_CGROUP = {"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["ro", "nosuid"]}


def test_on_v2_the_containers_own_cgroup_is_bound(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_CGROUP]
    opened, attributes, *rest = _steps(compiled(config, mode="v2").inner, "mounts[0]")
    assert (opened.operation, opened.s0, opened.n0) == ("open_tree", "/sys/fs/cgroup/web", OPEN_TREE_CLONE)
    assert attributes.blob == attributes_blob(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, MS_SLAVE)
    assert [step.operation for step in rest] == ["target", "verify_filesystem", "move_mount"]


@pytest.mark.parametrize("mode", ["v1", "hybrid"])
def test_on_v1_every_hierarchy_is_bound_below_a_tmpfs(
    config: dict[str, Any], compiled: Callable[..., Plan], mode: str
) -> None:
    config["mounts"] = [_CGROUP]
    steps = _steps(compiled(config, mode=mode).inner, "mounts[0]")
    opened = [step.s0 for step in steps if step.operation == "open_tree"]
    names = ["cpu,cpuacct", "cpuset", "memory", "devices", "freezer", "pids", "systemd"]
    assert opened == [f"/sys/fs/cgroup/{name}/web" for name in names]
    assert [step.s0 for step in steps if step.operation == "mkdir"] == names
    links = [(step.s0, step.s1) for step in steps if step.operation == "symlink"]
    assert links == [("cpu", "cpu,cpuacct"), ("cpuacct", "cpu,cpuacct")]
    (tmpfs,) = [step for step in steps if step.operation == "new_mount"]
    assert tmpfs.n0 == MOUNT_ATTR_NOSUID
    last = steps[-1]
    assert (last.operation, last.fd, last.n0) == ("mount_setattr", tmpfs.fd, AT_RECURSIVE)
    assert last.blob == attributes_blob(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, MS_SLAVE)


@pytest.mark.parametrize("mode", ["v1", "v2"])
def test_recursive_options_and_propagation_go_onto_the_cgroup_mount_once_it_is_attached(
    config: dict[str, Any], compiled: Callable[..., Plan], mode: str
) -> None:
    config["mounts"] = [{**_CGROUP, "options": ["rro", "rprivate"]}]
    steps = _steps(compiled(config, mode=mode).inner, "mounts[0]")
    assert [(step.operation, step.n0, step.blob) for step in steps[-2:]] == [
        ("mount_setattr", AT_RECURSIVE, attributes_blob(MOUNT_ATTR_RDONLY)),
        ("mount_setattr", AT_RECURSIVE, attributes_blob(0, 0, MS_PRIVATE)),
    ]
    (attached,) = {step.fd for step in steps if step.operation == "move_mount" and step.s0 == "/sys/fs/cgroup"}
    assert {step.fd for step in steps[-2:]} == {attached}


def test_cgroup_mounts_are_cut_off_even_below_a_shared_root(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["linux"]["rootfsPropagation"] = "shared"
    config["mounts"] = [{"destination": "/sys/fs/cgroup", "type": "cgroup"}]
    for mode in ("v1", "v2"):
        steps = _steps(compiled(config, mode=mode).inner, "mounts[0]")
        blobs = [step.blob for step in steps if step.operation == "mount_setattr"]
        assert blobs == [attributes_blob(0, 0, MS_SLAVE)]


@pytest.mark.parametrize("name", ["", "slave", "rslave", "private", "rprivate", "shared", "rshared", "unbindable"])
def test_a_copy_of_a_host_mount_is_never_more_open_than_the_root(name: str) -> None:
    root, source = root_propagation({"rootfsPropagation": name}), source_propagation({"rootfsPropagation": name})
    assert (source == 0) is bool(root & MS_SHARED)
    assert not source & MS_SHARED


@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_the_first_mount_too_many_is_refused_by_its_field(
    config: dict[str, Any], compiled: Callable[..., Plan], kind: str
) -> None:
    mounts = [_bind(f"/d{index}", ["bind"]) for index in range(300)]
    if kind == "tmpfs":
        mounts = [{"destination": mount["destination"], "type": "tmpfs"} for mount in mounts]
    config["mounts"] = mounts
    if kind == "bind":
        compiled(config)  # one after the other is opened inside
        config["linux"]["rootfsPropagation"] = "shared"  # all of them before the clone
    with pytest.raises(InvalidArgument, match=r"mounts\[\d+\] \(/d\d+\): the container needs more than 256") as caught:
        compiled(config)
    number = int(caught.value.message.partition("mounts[")[2].partition("]")[0])
    config["mounts"] = mounts[:number]  # the one before fits; what comes after the mounts does not, and names them all
    with pytest.raises(InvalidArgument, match=r"config\.json: mounts: the container needs more than 256 open files"):
        compiled(config)
