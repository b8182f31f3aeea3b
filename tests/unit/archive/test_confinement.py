"""The helper's configuration: valid, and as narrow as the form allows. What it does is in test_unpack_process.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orlop.archive.confinement import LAYER, helper_config
from orlop.archive.contract import LayerMount, Limits, UnpackJob
from orlop.archive.python_files import PythonFiles
from orlop.oci.config import validate_config

_PYTHON = PythonFiles(
    executable="/usr/bin/python3.11",
    binds=(("/usr/bin/python3.11", "/usr/bin/python3.11"), ("/src/orlop", "/modules/orlop")),
)
_BASE = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETFCAP"}


_DANGEROUS = {
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "mount_setattr",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "bpf",
    "ptrace",
    "socket",
    "connect",
    "bind",
    "io_uring_setup",
    "keyctl",
    "add_key",
    "kexec_load",
    "init_module",
    "open_by_handle_at",
    "quotactl",
    "swapon",
    "reboot",
    "perf_event_open",
    "userfaultfd",
    "process_vm_readv",
    "kill",
    "tkill",
    "tgkill",
    "prctl",
    "setuid",
    "fork",
    "vfork",
    "execveat",
    "memfd_create",
}


def _config(*, form: str = "overlay", user_xattr: bool = False, program: str = "", **limits: int) -> dict[str, Any]:
    job = UnpackJob(
        form=form, directory=Path("/store/7"), compression="gzip", user_xattr=user_xattr, limits=Limits(**limits)
    )
    return helper_config(job, _PYTHON, ["JOB"], root="/state/root", program=program)


def test_the_configuration_is_valid() -> None:
    config = validate_config(json.loads(json.dumps(_config())))
    config.require_process()
    assert list(config.unknown_properties) == []


def test_only_the_layers_directory_can_be_written() -> None:
    config = _config()
    assert config["root"] == {"path": "/state/root", "readonly": True}
    binds = {one["destination"]: one for one in config["mounts"] if one["type"] == "bind"}
    assert binds[LAYER]["source"] == "/store/7"
    assert [place for place, one in binds.items() if "ro" not in one["options"]] == [LAYER]
    assert all({"nosuid", "nodev"} <= set(one["options"]) for one in binds.values())


def test_it_has_namespaces_of_its_own_and_no_procfs() -> None:
    config = _config()
    assert {one["type"] for one in config["linux"]["namespaces"]} == {"pid", "network", "ipc", "uts", "mount"}
    assert not any("path" in one for one in config["linux"]["namespaces"])
    assert {one["type"] for one in config["mounts"]} == {"bind", "tmpfs"}


@pytest.mark.parametrize(
    ("form", "user_xattr", "capabilities"),
    [
        ("overlay", False, _BASE | {"CAP_SYS_ADMIN"}),
        ("overlay", True, _BASE),
        ("applied", False, _BASE),
        ("tar-index", False, set()),
    ],
)
def test_capabilities_follow_the_form(form: str, user_xattr: bool, capabilities: set[str]) -> None:
    process = _config(form=form, user_xattr=user_xattr)["process"]
    assert process["noNewPrivileges"] is True
    assert set(process["capabilities"]) == {"bounding", "effective", "permitted"}
    for names in process["capabilities"].values():
        assert set(names) == capabilities


def test_no_call_that_sys_admin_or_the_network_allows_is_listed() -> None:
    seccomp = _config()["linux"]["seccomp"]
    assert seccomp["defaultAction"] == "SCMP_ACT_ERRNO"
    listed = {name for rule in seccomp["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}
    assert sorted(listed & _DANGEROUS) == []
    narrowed = {name for rule in seccomp["syscalls"] if "args" in rule for name in rule["names"]}
    assert narrowed == {"clone", "ioctl"}


def test_memory_follows_the_limit() -> None:
    def data_bytes(memory_bytes: int) -> int:
        limits = _config(memory_bytes=memory_bytes)["process"]["rlimits"]
        return next(int(one["hard"]) for one in limits if one["type"] == "RLIMIT_DATA")

    assert data_bytes(64 << 20) == 52 << 20
    assert data_bytes(1 << 20) == 24 << 20


def test_the_program_is_ours_or_a_tests() -> None:
    assert _config()["process"]["args"] == [
        *["/usr/bin/python3.11", "-I", "-S", "-B", "/modules/orlop/archive/unpack_program.py", "JOB"]
    ]
    hostile = _config(program="/tmp/hostile.py")
    assert hostile["process"]["args"][4:] == ["/program.py", "JOB"]
    assert "/tmp/hostile.py" in [one["source"] for one in hostile["mounts"]]


def test_a_layer_on_its_parent_is_seen_through_the_mounts_of_the_helper_only() -> None:
    mount = LayerMount("overlay", "overlay", ("upperdir=/store/8/fs", "workdir=/store/8/work", "lowerdir=/store/7/fs"))
    job = UnpackJob(form="applied", directory=Path("/store/8/fs"), compression="gzip", mounts=(mount,))
    config = helper_config(job, _PYTHON, ["JOB"], root="/state/root")
    validate_config(config)
    (found,) = [one for one in config["mounts"] if one["destination"] == LAYER]
    assert found["type"] == "overlay"
    assert found["options"] == [*mount.options, "nosuid", "nodev", "noexec"]
    assert "/store/8/fs" not in [one.get("source") for one in config["mounts"]]
    assert set(config["process"]["capabilities"]["effective"]) == _BASE
