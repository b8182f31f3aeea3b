"""The rules that tie fields of config.json to a namespace."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.config import load_config
from orlop.oci.json_codec import encode


def _load(linux: dict[str, Any], *namespaces: Any, **sections: Any) -> None:
    types = [one if isinstance(one, dict) else {"type": one} for one in namespaces]
    config = {"ociVersion": "1.2.1", "root": {"path": "r"}, **sections, "linux": {**linux, "namespaces": types}}
    load_config(encode(config))


def _refusal(linux: dict[str, Any], *namespaces: Any, **sections: Any) -> str:
    with pytest.raises(InvalidArgument) as caught:
        _load(linux, *namespaces, **sections)
    return str(caught.value).removeprefix("config.json: ")


def test_a_namespace_type_is_given_once() -> None:
    assert _refusal({}, "pid", "uts", {"type": "pid", "path": "/x"}) == (
        'linux.namespaces[2].type: "pid" is given twice; keep one of them'
    )


@pytest.mark.parametrize("field", ["hostname", "domainname"])
def test_a_name_needs_a_uts_namespace_new_or_joined(field: str) -> None:
    assert _refusal({}, "pid", **{field: "web"}) == (
        f'{field}: it would change the host\'s own name; add {{"type": "uts"}} to linux.namespaces'
    )
    _load({}, "uts", **{field: "web"})
    _load({}, {"type": "uts", "path": "/proc/7/ns/uts"}, **{field: "web"})
    _load({}, **{field: ""})


def test_a_name_has_64_bytes_at_most_and_no_control_character() -> None:
    _load({}, "uts", hostname="h" * 64)
    assert _refusal({}, "uts", hostname="h" * 65) == "hostname: 65 bytes are too long; use 64 at most"
    assert _refusal({}, "uts", domainname="é" * 33) == "domainname: 66 bytes are too long; use 64 at most"
    assert _refusal({}, "uts", hostname="a\nb") == "hostname: it holds a control character; remove it"


# -- id mappings ------------------------------------------------------------------------------------------------------


def _maps(*ranges: tuple[int, int, int]) -> list[dict[str, int]]:
    return [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in ranges]


_ONE = _maps((0, 1000, 1))


@pytest.mark.parametrize("missing", ["uidMappings", "gidMappings"])
def test_a_new_user_namespace_needs_both_mappings(missing: str) -> None:
    linux = {name: _ONE for name in ("uidMappings", "gidMappings") if name != missing}
    assert _refusal(linux, "user") == f"linux.{missing}: a new user namespace needs id mappings; add them"


def test_a_joined_user_namespace_needs_none_and_may_have_them() -> None:
    joined = {"type": "user", "path": "/proc/7/ns/user"}
    _load({}, joined)
    _load({"uidMappings": _ONE, "gidMappings": _ONE}, joined)


@pytest.mark.parametrize("field", ["uidMappings", "gidMappings"])
def test_mappings_need_a_user_namespace(field: str) -> None:
    assert _refusal({field: _ONE}, "pid") == (
        f'linux.{field}: there is no user namespace to map ids in; add {{"type": "user"}} to linux.namespaces'
    )
    _load({field: []}, "pid")


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ([(0, 0, 10), (9, 100, 1)], "[1].containerID: 9 is mapped already; make the ranges disjoint"),
        ([(9, 100, 1), (0, 0, 10)], "[0].containerID: 9 is mapped already; make the ranges disjoint"),
        ([(0, 5, 10), (20, 14, 1)], "[1].hostID: 14 is mapped already; make the ranges disjoint"),
        ([(0, 0, 10), (0, 20, 1)], "[1].containerID: 0 is mapped already; make the ranges disjoint"),
        ([(1, 0, (1 << 32) - 1)], "[0].size: 4294967295 ids from 1 go beyond 2^32 - 2; make it smaller"),
        ([(0, (1 << 32) - 1, 1)], "[0].size: 1 ids from 4294967295 go beyond 2^32 - 2; make it smaller"),
    ],
)
def test_ranges_are_disjoint_and_end_before_the_last_id(ranges: list[tuple[int, int, int]], message: str) -> None:
    assert _refusal({"uidMappings": _maps(*ranges), "gidMappings": _ONE}, "user") == f"linux.uidMappings{message}"


def test_ranges_may_touch_and_may_cover_everything() -> None:
    _load({"uidMappings": _maps((10, 0, 5), (0, 5, 10)), "gidMappings": _maps((0, 0, (1 << 32) - 1))}, "user")


def test_the_kernel_takes_340_mappings() -> None:
    many = _maps(*((number, number, 1) for number in range(341)))
    _load({"uidMappings": many[:340], "gidMappings": _ONE}, "user")
    assert _refusal({"uidMappings": many, "gidMappings": _ONE}, "user") == (
        "linux.uidMappings: 341 mappings; the kernel takes 340 at most"
    )


# -- time offsets -----------------------------------------------------------------------------------------------------


def test_time_offsets_need_a_new_time_namespace() -> None:
    offsets = {"timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 3}, "boottime": {}}}
    _load(offsets, "time")
    _load({"timeOffsets": {}})
    expected = 'linux.timeOffsets: offsets need a new time namespace; add {"type": "time"} to linux.namespaces'
    assert _refusal(offsets) == expected
    assert _refusal(offsets, {"type": "time", "path": "/proc/7/ns/time"}) == expected


def test_only_two_clocks_have_offsets() -> None:
    assert _refusal({"timeOffsets": {"realtime": {"secs": 1}}}, "time") == (
        "linux.timeOffsets.realtime: this clock has no offset; use monotonic or boottime"
    )


# -- sysctls ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("net.ipv4.ip_forward", "network"),
        ("net/ipv4/conf/eth0.100/mtu", "network"),
        ("kernel.shmmax", "ipc"),
        ("kernel/sem", "ipc"),
        ("fs.mqueue.msg_max", "ipc"),
        ("kernel.domainname", "uts"),
        ("kernel.hostname", "uts"),
        ("user.max_mnt_namespaces", "user"),
    ],
)
def test_threat_l_a_sysctl_needs_the_namespace_that_it_belongs_to(name: str, namespace: str) -> None:
    linux: dict[str, Any] = {"sysctl": {name: "1"}}
    others = [one for one in ("network", "ipc", "uts") if one != namespace]
    assert _refusal(linux, *others) == (
        f"linux.sysctl.{name}: it would change the host without a {namespace} namespace; "
        f'add {{"type": "{namespace}"}} to linux.namespaces, or drop it'
    )
    mappings = {"uidMappings": _ONE, "gidMappings": _ONE} if namespace == "user" else {}
    _load({**linux, **mappings}, namespace)


@pytest.mark.parametrize(
    "name",
    ["kernel.core_pattern", "vm.swappiness", "kernel/core_pattern", "fs.file-max", "kernel.shmmax2", "fs.mqueue"],
)
def test_threat_l_a_sysctl_of_the_host_is_refused(name: str) -> None:
    assert _refusal({"sysctl": {name: "1"}}, "network", "ipc", "uts") == (
        f"linux.sysctl.{name}: it is the host's own, not a namespace's; drop it; set it on the host if need be"
    )


@pytest.mark.parametrize(
    "name",
    ["net..x", "net/../kernel/core_pattern", "net.a/../b", "net", "net.", "net//x", "/net/x", "net/./x", "net.x/."],
)
def test_threat_l_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    assert _refusal({"sysctl": {name: "1"}}, "network") == (
        f"linux.sysctl.{name}: this is no name of a sysctl; write it as sysctl(8) shows it"
    )


def test_threat_l_a_sysctl_value_is_one_line() -> None:
    _load({"sysctl": {"kernel.sem": "250\t32000 32 128"}}, "ipc")
    for value in ("1\n2", "1\0"):
        with pytest.raises(InvalidArgument):
            _load({"sysctl": {"kernel.sem": value}}, "ipc")
    assert _refusal({"sysctl": {"kernel.sem": "1\n2"}}, "ipc") == (
        "linux.sysctl.kernel.sem: the value holds a control character; remove it"
    )


@pytest.mark.parametrize("field", ["hostname", "domainname"])
def test_a_sysctl_does_not_contradict_a_field(field: str) -> None:
    assert _refusal({"sysctl": {f"kernel.{field}": "a"}}, "uts", **{field: "b"}) == (
        f"linux.sysctl.kernel.{field}: it contradicts the field {field}; keep one of them"
    )
