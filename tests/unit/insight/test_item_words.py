"""Values of a configuration in words."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.insight.item_words import item_words, plain

_BIND = {"destination": "/data", "type": "none", "source": "/srv", "options": ["rbind"]}


@pytest.mark.parametrize(
    ("path", "value", "text", "notes"),
    [
        ("hostname", "web", "web", []),
        ("process.terminal", True, "true", []),
        ("process.args", ["sh", "-c", "a b"], "sh -c 'a b'", []),
        ("process.env", ["A=1", "B=secret"], "A, B", []),
        ("process.env", [], "empty", []),
        ("process.user", {"uid": 1, "additionalGids": [5]}, "uid 1, gid 0, groups 5", []),
        ("process.rlimits", {"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}, "RLIMIT_NOFILE: soft 1, hard 2",
         ["It counts open files."]),
        ("process.capabilities", {"bounding": ["CAP_KILL"], "ambient": []}, "CAP_KILL",
         ["CAP_KILL (bounding): signal processes of any user."]),
        ("process.capabilities", {}, "none", []),
        ("hooks.prestart", {"path": "/h", "args": ["h", "x"], "timeout": 3}, "/h x", ["Killed after 3 s."]),
        ("hooks.poststop", {"path": "/h"}, "/h", []),
        ("linux.uidMappings", [{"containerID": 0, "hostID": 1000, "size": 10}],
         "0-9 inside are 1000-1009 on the host", []),
        ("linux.uidMappings", [{"containerID": 5, "hostID": 0, "size": 1}, {"containerID": 0, "hostID": 9, "size": 1}],
         "5-5 inside are 0-0 on the host; 0-0 inside are 9-9 on the ho...",
         ["5-5 inside are 0-0 on the host", "0-0 inside are 9-9 on the host",
          "Root of the host is one of them: that id inside has its files."]),
        ("linux.namespaces", [{"type": "uts"}, {"type": "ipc", "path": "/proc/7/ns/ipc"}], "uts, ipc",
         ["uts (new): a host name of its own.", "ipc (joins /proc/7/ns/ipc): shared with whoever is in it."]),
        ("linux.namespaces", [], "none", []),
        ("linux.devices", {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}, "/dev/fuse (c 10:229)", []),
        ("linux.devices", {"path": "/p", "type": "p"}, "/p (named pipe)", []),
        ("linux.resources.devices", [{"allow": False}], "deny all devices", []),
        ("linux.resources.devices", [{"allow": False}, {"allow": True, "type": "c", "major": 1, "access": "r"}],
         "deny all devices; allow c 1:* r", ["deny all devices", "allow c 1:* r"]),
        ("linux.sysctl", {"net.a": "1"}, "1 of them", ["net.a = 1"]),
        ("linux.maskedPaths", ["/a", "/b"], "2 paths", []),
    ],
)  # fmt: skip
def test_in_words(path: str, value: Any, text: str, notes: list[str]) -> None:
    assert item_words(path, value) == (text, notes)


def test_a_bind_mount_is_the_hosts_files() -> None:
    text, notes = item_words("mounts", _BIND)
    assert text == "/srv on /data (rbind)"
    assert notes == [
        "A bind mount: the host's /srv and what is mounted below it, the same files.",
        "Writable: what is changed in it is changed on the host.",
    ]


def test_a_read_only_bind_mount_is_not_called_writable() -> None:
    _, notes = item_words("mounts", {**_BIND, "options": ["rbind", "rro", "nosuid"]})
    assert notes[1:] == ["ro: nothing can be written; nosuid: setuid bits and file capabilities have no effect."]


def test_an_unknown_file_system_is_named() -> None:
    _, notes = item_words("mounts", {"destination": "/d", "type": "ext4"})
    assert notes == ["A file system of type ext4."]


def test_a_seccomp_section_is_counted() -> None:
    text, notes = item_words(
        "linux.seccomp",
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86"],
            "syscalls": [
                {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
                {
                    "names": ["read"],
                    "action": "SCMP_ACT_ALLOW",
                    "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}],
                },
            ],
        },
    )
    assert text == "SCMP_ACT_ERRNO, 2 rules"
    assert notes == [
        "A call that no rule is about: the call fails with an errno.",
        "2 calls by name: the call is allowed.",
        "1 rules look at the arguments too.",
        "architectures: SCMP_ARCH_X86.",
    ]


def test_a_plain_value_is_short_and_printable() -> None:
    assert plain("a\x1bb") == "a\\x1bb"
    assert plain("") == "empty"
    assert plain([]) == "none"
    assert plain({"a": [1]}) == '{"a":[1]}'
    assert len(plain("x" * 1000)) < 100
