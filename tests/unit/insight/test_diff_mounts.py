"""Mounts that show more of the host, or can be written."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.insight.change import CHANGED, STRONGER, WEAKER
from orlop.insight.diff_mounts import mount_changes, path_changes, root_changes

from .verdicts import told, verdicts


def _bind(source: str, *options: str, destination: str = "/data") -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": source, "options": ["bind", *options]}


def _tmpfs(*options: str, destination: str = "/tmp") -> dict[str, Any]:
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": list(options)}


@pytest.mark.parametrize(
    ("option", "opposite"),
    [("ro", "rw"), ("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec"), ("nosymfollow", "symfollow")],
)
def test_a_restriction_that_goes_is_weaker(option: str, opposite: str) -> None:
    with_it, without = [_bind("/srv", option)], [_bind("/srv")]
    assert told(mount_changes(with_it, without)) == [("mounts (/data)", WEAKER, option, opposite)]
    assert told(mount_changes(without, with_it)) == [("mounts (/data)", STRONGER, opposite, option)]


def test_a_mount_that_becomes_writable_says_so() -> None:
    (change,) = mount_changes([_bind("/srv", "ro")], [_bind("/srv")])
    assert change.words == "It can be written."


def test_the_mounts_below_become_writable() -> None:
    (change,) = mount_changes([_bind("/srv", "rro")], [_bind("/srv", "ro")])
    assert (change.verdict, change.old, change.new) == (WEAKER, "rro", "ro")
    assert verdicts(mount_changes([_bind("/srv", "rro")], [_bind("/srv")])) == [WEAKER]


@pytest.mark.parametrize("options", [["ro", "rw"], ["rw"], [], ["rro", "rrw"]])
def test_the_later_option_counts(options: list[str]) -> None:
    assert verdicts(mount_changes([_bind("/srv", "ro")], [_bind("/srv", *options)]))[0] == WEAKER


def test_a_path_of_the_host_appears() -> None:
    (change,) = mount_changes([], [_bind("/srv", "ro")])
    assert told([change]) == [("mounts (/data)", WEAKER, None, "/srv on /data (bind, ro)")]
    assert change.words == "A path of the host appears inside, to read: /srv."
    (change,) = mount_changes([_bind("/srv", "ro")], [])
    assert told([change]) == [("mounts (/data)", STRONGER, "/srv on /data (bind, ro)", None)]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/", "A vital part of the host appears inside, to read and write: /."),
        ("/etc/", "A vital part of the host appears inside, to read and write: /etc/."),
        ("/run/docker.sock", "A socket of the host: /run/docker.sock. Who may talk to it has the power of its server."),
        ("work", "A path of the host appears inside, to read and write: work."),
    ],
)
def test_what_of_the_host_appears_is_told(source: str, words: str) -> None:
    (change,) = mount_changes([], [_bind(source)])
    assert (change.verdict, change.words) == (WEAKER, words)


@pytest.mark.parametrize(
    ("mount", "verdict"),
    [
        (_tmpfs(), CHANGED),
        ({"destination": "/proc", "type": "proc"}, CHANGED),
        ({"destination": "/sys", "type": "sysfs", "options": ["ro"]}, CHANGED),
        ({"destination": "/sys", "type": "sysfs"}, WEAKER),
        ({"destination": "/cg", "type": "cgroup2"}, WEAKER),
        ({"destination": "/d", "type": "debugfs", "options": ["ro"]}, WEAKER),
        ({"destination": "/disk", "type": "ext4", "source": "/dev/vda"}, WEAKER),
        ({"destination": "/net", "type": "nfs", "source": "server:/x", "options": ["ro"]}, WEAKER),
    ],
)
def test_a_file_system_that_appears(mount: dict[str, Any], verdict: str) -> None:
    assert verdicts(mount_changes([], [mount])) == [verdict]


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (_bind("/srv"), _bind("/opt"), CHANGED),
        (_bind("/srv"), _bind("/"), WEAKER),
        (_bind("/run/docker.sock"), _bind("/srv"), STRONGER),
        (_tmpfs(destination="/data"), _bind("/srv"), WEAKER),
    ],
)
def test_another_source(old: dict[str, Any], new: dict[str, Any], verdict: str) -> None:
    assert verdict in verdicts(mount_changes([old], [new]))


def test_a_socket_in_place_of_another_path_is_weaker_when_read_only_too() -> None:
    old, new = _bind("/srv"), _bind("/run/docker.sock", "ro")
    assert verdicts(mount_changes([old], [new])) == [STRONGER, WEAKER]


def test_sharing_of_mount_events() -> None:
    assert verdicts(mount_changes([_bind("/srv")], [_bind("/srv", "rshared")])) == [WEAKER]
    assert verdicts(mount_changes([_bind("/srv", "shared")], [_bind("/srv")])) == [STRONGER]


def test_other_options_are_a_change() -> None:
    assert told(mount_changes([_tmpfs("size=1m")], [_tmpfs("size=2m")])) == [
        ("mounts (/tmp)", CHANGED, "tmpfs on /tmp (size=1m)", "tmpfs on /tmp (size=2m)")
    ]


def test_the_type_of_a_bind_mount_means_nothing() -> None:
    assert list(mount_changes([_bind("/srv")], [{**_bind("/srv"), "type": "none"}])) == []
    assert list(mount_changes([_bind("/srv")], [_bind("/srv", destination="data/")])) == []


def test_the_number_of_a_mount_means_nothing_but_the_order_does() -> None:
    assert verdicts(mount_changes([_tmpfs(), _bind("/srv")], [_bind("/srv")])) == [CHANGED]
    assert told(mount_changes([_tmpfs(), _bind("/srv")], [_bind("/srv"), _tmpfs()])) == [
        ("mounts", CHANGED, "/tmp, /data", "/data, /tmp")
    ]


def test_a_second_mount_at_the_same_place() -> None:
    assert verdicts(mount_changes([_tmpfs()], [_tmpfs(), _bind("/srv", destination="/tmp")])) == [WEAKER]


def _root(**root: Any) -> dict[str, Any]:
    return {"root": {"path": "r", **root}}


def test_the_root_file_system() -> None:
    assert told(root_changes(_root(readonly=True), _root())) == [("root.readonly", WEAKER, "read-only", "writable")]
    assert verdicts(root_changes(_root(), _root(readonly=True))) == [STRONGER]
    assert told(root_changes(_root(), _root(path="s"))) == [("root.path", CHANGED, "r", "s")]


def test_propagation_of_the_root() -> None:
    shared, private = ({**_root(), "linux": {"rootfsPropagation": mode}} for mode in ("rshared", "private"))
    assert verdicts(root_changes(_root(), shared)) == [WEAKER]
    assert verdicts(root_changes(shared, private)) == [STRONGER]
    assert told(root_changes(_root(), private)) == [("linux.rootfsPropagation", CHANGED, None, "private")]


def test_hidden_and_read_only_paths() -> None:
    old = {"maskedPaths": ["/proc/kcore", "/proc/keys"], "readonlyPaths": ["/proc/sys"]}
    new = {"maskedPaths": ["/proc/keys"], "readonlyPaths": ["/proc/sys", "/proc/kcore"]}
    assert told(path_changes(old, new)) == [
        ("linux.maskedPaths", WEAKER, "/proc/kcore", None),
        ("linux.readonlyPaths", STRONGER, None, "/proc/kcore"),
    ]


def test_device_nodes() -> None:
    device = {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}
    other = {**device, "uid": 1}
    assert told(path_changes({}, {"devices": [device]})) == [
        ("linux.devices (/dev/fuse)", WEAKER, None, "/dev/fuse (c 10:229)")
    ]
    assert verdicts(path_changes({"devices": [device]}, {})) == [STRONGER]
    assert told(path_changes({"devices": [device]}, {"devices": [other]})) == [
        ("linux.devices (/dev/fuse)", CHANGED, "/dev/fuse (c 10:229)", '/dev/fuse (c 10:229) {"uid":1}')
    ]
