"""One operation as a short text."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from orlop.insight.operation_text import _PARTS, operation_parts, operation_text
from orlop.insight.slot_names import SlotNames
from orlop.linux.flags import AT_RECURSIVE, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS, MS_REC, MS_SLAVE
from orlop.plan.builder import Section, counts, strings_blob, u32_blob, u64_blob
from orlop.plan.operations import BEST_EFFORT, CODE, IGNORE_EEXIST, NO_SYMLINKS, TARGET_DIRECTORY
from orlop.plan.tags import TAG_CGROUP, TAG_HOOKS

from .plans import compiled, default_config


def _text(operation: str, **arguments: Any) -> str:
    section = Section()
    section.add(operation, **arguments)
    return operation_text(section.steps[0])


def test_every_operation_has_a_text() -> None:
    assert set(_PARTS) == set(CODE)


@pytest.mark.parametrize(
    ("operation", "arguments", "text"),
    [
        ("mkdir", {"s0": "/a", "n0": 0o755, "flags": IGNORE_EEXIST},
         "make the directory /a (mode 0755), unless it is there"),
        ("claim", {"fd": 1, "s0": "/run/orun/web", "n0": 0o700},
         "make and lock the directory /run/orun/web (mode 0700), which must be new"),
        ("write", {"s0": "/run/orun/web/config.json", "blob": b"x" * 100},
         "write 100 bytes to /run/orun/web/config.json"),
        ("open", {"fd": 3, "s0": "/dev/null"}, "open /dev/null"),
        ("write", {"s0": "/c/pids.max", "blob": b"10"}, 'write "10" to /c/pids.max'),
        ("write", {"s0": "/c/x", "blob": b"+cpu", "flags": BEST_EFFORT},
         'write "+cpu" to /c/x, a failure is a warning only'),
        ("verify_device", {"fd": 1, "n0": 0x103, "n1": 0o020000}, "check that slot 1 is the character device 1:3"),
        ("clone", {"n0": CLONE_NEWPID}, "start a child, which becomes the container's init (CLONE_NEWPID)"),
        ("clone", {"fd": 4}, "start a child, which becomes the container's init, directly in the cgroup slot 4"),
        ("unshare", {"n0": CLONE_NEWNS | CLONE_NEWUTS}, "leave for new namespaces: CLONE_NEWNS|CLONE_NEWUTS"),
        ("setns", {"fd": 1, "n0": CLONE_NEWPID, "s0": "/proc/7/ns/pid"},
         "join the namespace (CLONE_NEWPID) of /proc/7/ns/pid"),
        ("write_init_proc", {"s0": "uid_map", "blob": b"0 1 2\n"}, 'write "0 1 2" to init\'s /proc/.../uid_map'),
        ("release", {"n0": TAG_CGROUP}, "tell init: the cgroup is there, with its limits"),
        ("signal", {"n0": TAG_HOOKS}, "tell the outer process: the mounts are there, hooks run now"),
        ("await", {"n0": TAG_HOOKS}, "wait until told: the hooks have run"),
        ("await", {"n0": 99}, "wait until told: tag 99"),
        ("open_tree", {"fd": 1, "s0": "/srv", "n0": AT_RECURSIVE | 1},
         "take a copy of the mount of /srv, with the mounts below it, attached nowhere yet"),
        ("new_mount", {"fd": 1, "s0": "tmpfs", "s1": "tmpfs", "blob": b"mode=755\0", "n0": 0x22},
         "make a file system of type tmpfs (nosuid,strictatime,mode=755), attached nowhere yet"),
        ("new_mount", {"fd": 1, "s0": "proc"}, "make a file system of type proc, attached nowhere yet"),
        ("target", {"fd": 1, "at": 0, "s0": "/dev", "n1": TARGET_DIRECTORY, "flags": NO_SYMLINKS},
         "find /dev inside the root, made if it is missing, no symbolic link on the way"),
        ("mount_setattr", {"fd": 1, "blob": u64_blob(1, 0, 0, 0)}, "make the mount slot 1: ro"),
        ("mount_setattr", {"fd": 1, "blob": u64_blob(0, 1, MS_SLAVE, 0), "n0": AT_RECURSIVE},
         "make the mount slot 1, and all mounts below it: not ro, propagation slave"),
        ("propagation", {"s0": "/", "n0": MS_SLAVE | MS_REC}, "make the propagation of / rslave"),
        ("mknod", {"s0": "/dev/null", "n0": 0o020666, "n1": 0x103}, "make the device node /dev/null c 1:3 (mode 0666)"),
        ("mknod", {"s0": "/p", "n0": 0o010600, "blob": u32_blob(1, 2)},
         "make the named pipe /p (mode 0600, owner 1:2)"),
        ("verify_filesystem", {"fd": 1, "n0": 0x9FA0, "n1": 1}, "check that slot 1 is not on a procfs"),
        ("sysctl", {"s0": "net/ipv4/ip_forward", "blob": b"1"},
         'write "1" to /proc/sys/net/ipv4/ip_forward, through a procfs of our own'),
        ("rlimit", {"s0": "RLIMIT_CORE", "blob": u64_blob(0, (1 << 64) - 1)},
         "limit RLIMIT_CORE to 0 (soft) and unlimited (hard)"),
        ("umask", {"n0": 0o022}, "set the umask to 0022"),
        ("identity", {"n0": 1, "n1": 2, "blob": u32_blob(3, 4)}, "become uid 1, gid 2, groups 3, 4"),
        ("identity", {"n0": 0, "n1": 0, "blob": b""}, "become uid 0, gid 0, no other group"),
        ("bounding_set", {"n0": 1 << 5}, "drop every capability from the bounding set but CAP_KILL"),
        ("capabilities", {"blob": u64_blob(1, 1, 0, 0)},
         "set the capabilities: effective, permitted: CAP_CHOWN; inheritable, ambient: none"),
        ("seccomp", {"blob": bytes(24)}, "load the filter of 3 BPF instructions"),
        ("lookup_program", {"s0": "sh", "s1": "/bin"}, "find the program sh on PATH /bin"),
        ("lookup_program", {"s0": "/bin/sh", "s1": "/bin"}, "find the program /bin/sh"),
        ("execve", {"blob": strings_blob(["sh", "-c", "a b"], ["X=1"]), "n0": counts(["sh", "-c", "a b"], ["X=1"])},
         "execute sh -c 'a b', with 1 environment variables"),
        ("hook", {"s0": "/h", "blob": strings_blob(["h", "x"], []), "n0": counts(["h", "x"], []), "n1": 1500},
         "run the program /h with x, for 1.5 s at most"),
    ],
)  # fmt: skip
def test_the_text_of(operation: str, arguments: dict[str, Any], text: str) -> None:
    assert _text(operation, **arguments) == text


def test_every_text_of_a_plan_is_one_printable_line() -> None:
    config = default_config()
    config["hostname"] = "a\x7fb"
    plan = compiled(config, mode="v1")
    slots = SlotNames()
    for section in plan.sections():
        for step in section.steps:
            text = operation_text(step, slots)
            slots.note(step)
            assert text
            assert text.isprintable()
            assert "  " not in text
            assert "slot " not in text, "a slot that is filled has a name"


def test_steps_that_differ_in_the_subject_have_the_same_head_and_tail() -> None:
    section = Section()
    section.add("mask", s0="/proc/a")
    section.add("mask", s0="/proc/b")
    first, second = (operation_parts(step, SlotNames()) for step in section.steps)
    assert (first[0], first[2]) == (second[0], second[2])
    assert (first[1], second[1]) == ("/proc/a", "/proc/b")


def test_the_environment_is_not_told() -> None:
    environment = ["PASSWORD=secret"]
    assert "secret" not in _text("execve", blob=strings_blob(["x"], environment), n0=counts(["x"], environment))


def test_an_id_map_of_several_lines_stays_on_one() -> None:
    assert "\n" not in _text("write_init_proc", s0="uid_map", blob=b"0 1 2\n3 4 5\n")


def test_a_blob_that_is_no_text_is_shown_all_the_same() -> None:
    assert _text("write", s0="/x", blob=struct.pack("<I", 0xFF)).isprintable()
