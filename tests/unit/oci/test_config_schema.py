"""Each field of config.json with values of a wrong type, out of range, or not among the spec's words."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.errors import InvalidArgument, NotImplementedFeature
from orlop.oci.config import load_config
from orlop.oci.config_names import SECCOMP_ARCHITECTURES
from orlop.oci.json_codec import encode

_NUMBER = "write a number from"
_FIRST_ARCHITECTURES = f"use one of {', '.join(SECCOMP_ARCHITECTURES[:12])}, ..."


def _config(path: str, value: Any) -> str:
    """A configuration with one value at a path; a number in the path is the index of a one-element array."""
    config: dict[str, Any] = {
        "ociVersion": "1.2.1",
        "root": {"path": "rootfs"},
        "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
    }
    *parents, last = path.split(".")
    place = config
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    return encode(config)


_MOUNT = {"destination": "/x", "type": "tmpfs"}
_DEVICE = {"path": "/dev/x", "type": "c", "major": 1, "minor": 3}
_SYSCALL = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}
_SECCOMP = {"defaultAction": "SCMP_ACT_ERRNO"}
_COMPARISON = {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}
_MAPPING = {"containerID": 0, "hostID": 1000, "size": 1}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("ociVersion", 1, "ociVersion: 1 is not a string; write a string"),
        ("root.path", "", "root.path: it is empty; give a value"),
        ("root.path", "a\0b", "root.path: it holds a NUL byte; remove it"),
        ("root.readonly", 1, "root.readonly: 1 is not a boolean; write true or false"),
        ("root", [], "root: [] is not an object; write {...}"),
        ("hostname", ["h"], 'hostname: ["h"] is not a string; write a string'),
        ("annotations", [], "annotations: [] is not an object; write {...}"),
        ("annotations", {"a": 1}, "annotations.a: 1 is not a string; write a string"),
        ("annotations", {"": "x"}, "annotations: a key is empty; give it a name"),
        ("annotations", {"a\nb": "x"}, 'annotations: the key "a\\nb" holds a control character; remove it'),
        # process
        ("process.args", [], "process.args: it is empty; give at least one entry"),
        ("process.args", "sh", 'process.args: "sh" is not an array; write [...]'),
        ("process.args", ["sh", 1], "process.args[1]: 1 is not a string; write a string"),
        ("process.args", ["sh", "a\0b"], "process.args[1]: it holds a NUL byte; remove it"),
        ("process.args", ["sh", None], "process.args[1]: null is not a string; write a string"),
        ("process.cwd", "tmp", 'process.cwd: "tmp" is not an absolute path; begin it with /'),
        ("process.cwd", "/a\0", 'process.cwd: "/a\\u0000" is not an absolute path; begin it with /'),
        ("process.terminal", "true", 'process.terminal: "true" is not a boolean; write true or false'),
        (
            "process.consoleSize",
            {"height": 1},
            "process.consoleSize.width: it is missing; the specification requires it",
        ),
        (
            "process.consoleSize",
            {"height": 65536, "width": 1},
            "process.consoleSize.height: 65536 is out of range; use 0 to 65535",
        ),
        ("process.user.uid", "0", f'process.user.uid: "0" is not a whole number; {_NUMBER} 0 to 4294967294'),
        ("process.user.uid", True, f"process.user.uid: true is not a whole number; {_NUMBER} 0 to 4294967294"),
        ("process.user.uid", 0.0, f"process.user.uid: 0.0 is not a whole number; {_NUMBER} 0 to 4294967294"),
        ("process.user.uid", -1, "process.user.uid: -1 is out of range; use 0 to 4294967294"),
        ("process.user.gid", 4294967295, "process.user.gid: 4294967295 is out of range; use 0 to 4294967294"),
        (
            "process.user.additionalGids",
            [1, 1 << 32],
            "process.user.additionalGids[1]: 4294967296 is out of range; use 0 to 4294967294",
        ),
        ("process.user.umask", 512, "process.user.umask: 512 is out of range; use 0 to 511"),
        ("process.oomScoreAdj", -1001, "process.oomScoreAdj: -1001 is out of range; use -1000 to 1000"),
        ("process.noNewPrivileges", 0, "process.noNewPrivileges: 0 is not a boolean; write true or false"),
        (
            "process.capabilities",
            {"bounding": [""]},
            "process.capabilities.bounding[0]: it is empty; give a value",
        ),
        (
            "process.capabilities",
            {"effective": [12]},
            "process.capabilities.effective[0]: 12 is not a string; write a string",
        ),
        (
            "process.rlimits",
            [{"type": "RLIMIT_NOFILES", "soft": 1, "hard": 1}],
            'process.rlimits[0].type: "RLIMIT_NOFILES" is not a resource limit; use "RLIMIT_NOFILE"',
        ),
        (
            "process.rlimits",
            [{"type": "RLIMIT_CPU", "soft": 1}],
            "process.rlimits[0].hard: it is missing; the specification requires it",
        ),
        (
            "process.rlimits",
            [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1 << 64}],
            "process.rlimits[0].hard: 18446744073709551616 is out of range; use 0 to 18446744073709551615",
        ),
        # mounts and hooks
        ("mounts", [{"type": "tmpfs"}], "mounts[0].destination: it is missing; the specification requires it"),
        ("mounts", [{**_MOUNT, "options": "ro"}], 'mounts[0].options: "ro" is not an array; write [...]'),
        ("mounts", [{**_MOUNT, "options": [""]}], "mounts[0].options[0]: it is empty; give a value"),
        ("mounts", {"0": _MOUNT}, 'mounts: {"0":{"destination":"/x","type":"tmpfs"}} is not an array; write [...]'),
        (
            "hooks.prestart",
            [{"path": "bin/x"}],
            'hooks.prestart[0].path: "bin/x" is not an absolute path; begin it with /',
        ),
        ("hooks.poststop", [{}], "hooks.poststop[0].path: it is missing; the specification requires it"),
        (
            "hooks.createRuntime",
            [{"path": "/x", "timeout": 0}],
            "hooks.createRuntime[0].timeout: 0 is out of range; use 1 to 2147483647",
        ),
        # linux
        (
            "linux.namespaces",
            [{"type": "net"}],
            'linux.namespaces[0].type: "net" is not a namespace type; use "network"',
        ),
        (
            "linux.namespaces",
            [{"type": "pid", "path": "ns/pid"}],
            'linux.namespaces[0].path: "ns/pid" is not an absolute path; begin it with /',
        ),
        ("linux.namespaces", [{}], "linux.namespaces[0].type: it is missing; the specification requires it"),
        (
            "linux.uidMappings",
            [{**_MAPPING, "size": 0}],
            "linux.uidMappings[0].size: 0 is out of range; use 1 to 4294967295",
        ),
        (
            "linux.timeOffsets",
            {"monotonic": {"secs": 1, "nanosecs": 10**9}},
            "linux.timeOffsets.monotonic.nanosecs: 1000000000 is out of range; use 0 to 999999999",
        ),
        (
            "linux.devices",
            [{**_DEVICE, "type": "char"}],
            'linux.devices[0].type: "char" is not a device type; use one of c, b, u, p',
        ),
        (
            "linux.devices",
            [{**_DEVICE, "path": "null"}],
            'linux.devices[0].path: "null" is not an absolute path; begin it with /',
        ),
        ("linux.devices", [{**_DEVICE, "major": 4096}], "linux.devices[0].major: 4096 is out of range; use 0 to 4095"),
        (
            "linux.rootfsPropagation",
            "rslav",
            'linux.rootfsPropagation: "rslav" is not a propagation mode; use "rslave"',
        ),
        ("linux.maskedPaths", ["proc"], 'linux.maskedPaths[0]: "proc" is not an absolute path; begin it with /'),
        ("linux.readonlyPaths", [7], "linux.readonlyPaths[0]: 7 is not an absolute path; begin it with /"),
        ("linux.sysctl", {"net.x": 1}, "linux.sysctl.net.x: 1 is not a string; write a string"),
        # resources
        (
            "linux.resources.memory",
            {"limit": -2},
            "linux.resources.memory.limit: -2 is out of range; use -1 to 9223372036854775807",
        ),
        (
            "linux.resources.memory",
            {"swappiness": 101},
            "linux.resources.memory.swappiness: 101 is out of range; use 0 to 100",
        ),
        (
            "linux.resources.memory",
            {"limit": 1e6},
            f"linux.resources.memory.limit: 1000000.0 is not a whole number; {_NUMBER} -1 to 9223372036854775807",
        ),
        ("linux.resources.cpu", {"idle": 2}, "linux.resources.cpu.idle: 2 is out of range; use 0 to 1"),
        ("linux.resources.cpu", {"cpus": 0}, "linux.resources.cpu.cpus: 0 is not a string; write a string"),
        (
            "linux.resources.devices",
            [{"type": "c"}],
            "linux.resources.devices[0].allow: it is missing; the specification requires it",
        ),
        (
            "linux.resources.devices",
            [{"allow": True, "type": "c", "major": 1 << 32}],
            "linux.resources.devices[0].major: 4294967296 is out of range; use -1 to 4294967295",
        ),
        # seccomp
        ("linux.seccomp", {"flags": []}, "linux.seccomp.defaultAction: it is missing; the specification requires it"),
        (
            "linux.seccomp",
            {"defaultAction": "SCMP_ACT_ALOW"},
            'linux.seccomp.defaultAction: "SCMP_ACT_ALOW" is not a seccomp action; use "SCMP_ACT_ALLOW"',
        ),
        (
            "linux.seccomp",
            {**_SECCOMP, "architectures": ["SCMP_ARCH_AMD64"]},
            f'linux.seccomp.architectures[0]: "SCMP_ARCH_AMD64" is not a seccomp architecture; {_FIRST_ARCHITECTURES}',
        ),
        (
            "linux.seccomp",
            {**_SECCOMP, "syscalls": [{**_SYSCALL, "names": []}]},
            "linux.seccomp.syscalls[0].names: it is empty; give at least one entry",
        ),
        (
            "linux.seccomp",
            {**_SECCOMP, "syscalls": [{**_SYSCALL, "args": [{**_COMPARISON, "index": 6}]}]},
            "linux.seccomp.syscalls[0].args[0].index: 6 is out of range; use 0 to 5",
        ),
        (
            "linux.seccomp",
            {**_SECCOMP, "syscalls": [{**_SYSCALL, "args": [{**_COMPARISON, "value": -1}]}]},
            "linux.seccomp.syscalls[0].args[0].value: -1 is out of range; use 0 to 18446744073709551615",
        ),
        (
            "linux.seccomp",
            {**_SECCOMP, "syscalls": [{**_SYSCALL, "args": [{**_COMPARISON, "op": "EQ"}]}]},
            'linux.seccomp.syscalls[0].args[0].op: "EQ" is not a seccomp operator; use "SCMP_CMP_EQ"',
        ),
        (
            "linux.seccomp",
            {**_SECCOMP, "defaultErrnoRet": 4096},
            "linux.seccomp.defaultErrnoRet: 4096 is out of range; use 0 to 4095",
        ),
    ],
)
def test_an_invalid_value_is_named_with_its_field_and_the_remedy(path: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        load_config(_config(path, value))
    assert str(caught.value) == f"config.json: {message}"


@pytest.mark.parametrize("path", ["process.args", "process.cwd", "root.path", "ociVersion", "root"])
def test_what_the_specification_requires_must_be_there(path: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"^config\.json: {path}: it is missing; the specification requires it$"):
        load_config(_config(path, None))


_UNSUPPORTED = [
    ("process.selinuxLabel", "label"),
    ("process.scheduler", {"policy": "SCHED_FIFO", "priority": 1}),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 4}),
    ("process.execCPUAffinity", {"initial": "0"}),
    ("linux.intelRdt", {"closID": "x"}),
    ("linux.netDevices", {"eth0": {"name": "e"}}),
    ("linux.memoryPolicy", {"mode": "MPOL_BIND"}),
    ("linux.personality", {"domain": "LINUX32"}),
    ("linux.mountLabel", "label"),
    ("linux.resources.blockIO", {"weight": 10}),
    ("linux.resources.rdma", {"mlx5_1": {"hcaHandles": 3}}),
    ("linux.resources.network", {"classID": 1}),
]


@pytest.mark.parametrize(("path", "value"), _UNSUPPORTED)
def test_a_feature_that_is_not_there_yet_is_refused_by_name(path: str, value: Any) -> None:
    with pytest.raises(NotImplementedFeature) as caught:
        load_config(_config(path, value))
    assert str(caught.value) == f"config.json: {path}: not supported by this version of orun; remove it"


@pytest.mark.parametrize("path", [path for path, _ in _UNSUPPORTED if path != "linux.netDevices"])
@pytest.mark.parametrize("empty", [None, "", {}, [], 0, {"weight": 0, "weightDevice": None, "throttle": [{}]}])
def test_an_empty_one_asks_for_nothing(path: str, empty: Any) -> None:
    load_config(_config(path, empty))


def test_a_network_device_is_asked_for_by_its_name_alone() -> None:
    load_config(_config("linux.netDevices", {}))
    with pytest.raises(NotImplementedFeature, match=r"^config\.json: linux\.netDevices: not supported by this version"):
        load_config(_config("linux.netDevices", {"eth0": {}}))


@pytest.mark.parametrize("field", ["uidMappings", "gidMappings"])
def test_mappings_of_a_mount_are_not_there_yet(field: str) -> None:
    mount = {"destination": "/x", "type": "bind", "source": "/y", "options": ["rbind"], field: [_MAPPING]}
    with pytest.raises(NotImplementedFeature, match=rf"^config\.json: mounts\[0\]\.{field}: not supported by this"):
        load_config(_config("mounts", [mount]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("process.user", {"uid": 0, "gid": 4294967294, "umask": 0o777, "additionalGids": [0], "username": "x"}),
        ("process.oomScoreAdj", 1000),
        ("process.rlimits", [{"type": "RLIMIT_CORE", "soft": 0, "hard": (1 << 64) - 1}]),
        ("process.consoleSize", {"height": 0, "width": 65535}),
        ("process.commandLine", "only for another platform"),
        ("linux.rootfsPropagation", ""),
        ("linux.namespaces", [{"type": "pid", "path": ""}]),
        ("linux.resources.memory", {"limit": -1, "swap": -1, "kernel": 5, "kernelTCP": -1, "useHierarchy": True}),
        ("linux.resources.cpu", {"shares": 0, "quota": -1, "period": 100000, "cpus": "0-1", "mems": "", "idle": 1}),
        ("linux.resources.pids", {"limit": 0}),
        ("linux.resources.unified", {"memory.high": "1G"}),
        ("linux.resources.devices", [{"allow": True, "type": "c", "major": -1, "minor": 4294967295, "access": "m"}]),
        ("linux.devices", [{"path": "/dev/p", "type": "p", "fileMode": 0o10600}]),
        ("mounts", [{"destination": "relative", "type": "tmpfs", "source": ""}]),
        ("hooks", {"startContainer": [{"path": "/h", "args": ["h"], "env": ["A=b"], "timeout": 1}]}),
        ("linux.seccomp", {**_SECCOMP, "defaultErrnoRet": 0, "syscalls": [{**_SYSCALL, "args": [_COMPARISON]}]}),
    ],
)
def test_values_at_the_edge_of_their_range_are_taken(path: str, value: Any) -> None:
    assert load_config(_config(path, value)).unknown_properties == []
