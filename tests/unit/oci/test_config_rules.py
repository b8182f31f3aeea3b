"""The rules between fields of config.json that are not about namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.errors import InvalidArgument, NotImplementedFeature
from orlop.oci.config import load_config
from orlop.oci.json_codec import encode


def _load(**sections: Any) -> dict[str, Any]:
    config: dict[str, Any] = {"ociVersion": "1.2.1", "root": {"path": "rootfs"}, **sections}
    return load_config(encode(config)).raw


def _process(**fields: Any) -> dict[str, Any]:
    return _load(process={"args": ["sh"], "cwd": "/", **fields})


def _refusal(**sections: Any) -> str:
    with pytest.raises(InvalidArgument) as caught:
        _load(**sections)
    return str(caught.value).removeprefix("config.json: ")


def _process_refusal(**fields: Any) -> str:
    return _refusal(process={"args": ["sh"], "cwd": "/", **fields})


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.2", 'ociVersion: "1.2" is not a version; write the spec\'s, such as 1.2.1'),
        ("latest", 'ociVersion: "latest" is not a version; write the spec\'s, such as 1.2.1'),
        ("1.x.0", 'ociVersion: "1.x.0" is not a version; write the spec\'s, such as 1.2.1'),
        ("1.٣.0", 'ociVersion: "1.\\u0663.0" is not a version; write the spec\'s, such as 1.2.1'),
        ("2.0.0", 'ociVersion: "2.0.0" is not supported; write a version 1.x'),
        ("0.9.0", 'ociVersion: "0.9.0" is not supported; write a version 1.x'),
    ],
)
def test_only_versions_1_x_are_taken(version: str, message: str) -> None:
    assert _refusal(ociVersion=version) == message


# -- process ----------------------------------------------------------------------------------------------------------


def test_the_program_must_be_named() -> None:
    assert _process_refusal(args=["", "x"]) == "process.args[0]: it is empty; name the program to run"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("PATH", 'process.env[1]: "PATH" is not NAME=VALUE; write it so'),
        ("=x", 'process.env[1]: "=x" is not NAME=VALUE; write it so'),
        ("", 'process.env[1]: "" is not NAME=VALUE; write it so'),
        ("HOME=/a\nroot:x:0:0", "process.env[1]: HOME holds a control character; remove it"),
        ("USER=\x7f", "process.env[1]: USER holds a control character; remove it"),
    ],
)
def test_threat_m_an_environment_entry_that_could_become_a_line_of_passwd_is_refused(entry: str, message: str) -> None:
    assert _process_refusal(env=["A=b", entry]) == message


@pytest.mark.parametrize("entry", ["A=", "A==", "A=b=c", "TEXT=two\nlines", "HOME=/home/é", "a b=c", "HOMER=\n"])
def test_other_environment_entries_are_taken(entry: str) -> None:
    assert _process(env=[entry])["process"]["env"] == [entry]


def test_a_limit_is_given_once_and_its_soft_value_is_not_above_the_hard_one() -> None:
    def limit(soft: int, hard: int) -> dict[str, Any]:
        return {"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard}

    _process(rlimits=[limit(5, 5)])
    assert _process_refusal(rlimits=[limit(6, 5)]) == (
        "process.rlimits[0].soft: 6 is more than the hard limit 5; lower it, or raise hard"
    )
    assert _process_refusal(rlimits=[limit(1, 1), limit(1, 1)]) == (
        'process.rlimits[1].type: "RLIMIT_NOFILE" is given twice; keep one of them'
    )


# -- resources --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "is_valid"),
    [
        ({"limit": 2, "swap": 2}, True),
        ({"limit": 2, "swap": -1}, True),
        ({"limit": 2, "swap": 0}, True),
        ({"limit": -1, "swap": 1}, True),
        ({"swap": 1}, True),
        ({"limit": 2, "swap": 1}, False),
    ],
)
def test_swap_counts_memory_too(memory: dict[str, int], *, is_valid: bool) -> None:
    linux = {"resources": {"memory": memory}}
    if is_valid:
        _load(linux=linux)
    else:
        assert _refusal(linux=linux) == (
            "linux.resources.memory.swap: 1 is less than memory.limit, 2; it counts memory and swap together"
        )


@pytest.mark.parametrize("file", ["memory/high", "../x.y", "memory"])
def test_a_unified_key_is_a_file_of_the_cgroup_itself(file: str) -> None:
    assert _refusal(linux={"resources": {"unified": {file: "1"}}}) == (
        f'linux.resources.unified: "{file}" is not a cgroup file; for example "memory.high"'
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"type": "c", "access": "rwx"}, 'access: "rwx" is not made of r, w and m; use these letters'),
        ({"type": "a", "access": "r"}, 'access: "r" has no effect in a rule for all types; set type to "c" or "b"'),
        ({"access": "rm"}, 'access: "rm" has no effect in a rule for all types; set type to "c" or "b"'),
        ({"major": 1}, 'major: 1 has no effect in a rule for all types; set type to "c" or "b"'),
        ({"type": "", "minor": 0}, 'minor: 0 has no effect in a rule for all types; set type to "c" or "b"'),
    ],
)
def test_a_device_rule_means_what_it_says(rule: dict[str, Any], message: str) -> None:
    linux = {"resources": {"devices": [{"allow": True, **rule}]}}
    assert _refusal(linux=linux) == f"linux.resources.devices[0].{message}"


def test_a_device_rule_for_all_types_needs_no_type() -> None:
    rules = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "", "major": -1}, {"allow": True, "type": "a"}]
    raw = _load(linux={"resources": {"devices": rules}})
    assert [rule.get("type") for rule in raw["linux"]["resources"]["devices"]] == [None, None, "a"]


# -- devices, cgroups path, seccomp -----------------------------------------------------------------------------------


def test_a_device_needs_its_numbers_and_a_fifo_none() -> None:
    _load(linux={"devices": [{"path": "/dev/p", "type": "p"}]})
    for device in ({"major": 1}, {"minor": 1}):
        assert _refusal(linux={"devices": [{"path": "/dev/x", "type": "b", **device}]}) == (
            "linux.devices[0]: a device needs major and minor; give both, as `ls -l` shows them"
        )


@pytest.mark.parametrize(("kind", "mode"), [("c", 0o020666), ("u", 0o020666), ("b", 0o060666), ("c", 0o1666)])
def test_a_file_mode_may_hold_the_file_type(kind: str, mode: int) -> None:
    _load(linux={"devices": [{"path": "/dev/x", "type": kind, "major": 1, "minor": 1, "fileMode": mode}]})


def test_a_file_mode_of_another_type_is_refused() -> None:
    device = {"path": "/dev/x", "type": "c", "major": 1, "minor": 1, "fileMode": 0o060666}
    assert _refusal(linux={"devices": [device]}) == (
        'linux.devices[0].fileMode: it has the file type of no "c"; give the permissions only'
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/a/../../b", '"/a/../../b" holds ".."; write it without'),
        ("..", '".." holds ".."; write it without'),
        ("/", "it is the root cgroup; name a cgroup for the container"),
        ("/./", "it is the root cgroup; name a cgroup for the container"),
        ("/a\nb", "it holds a control character; remove it"),
    ],
)
def test_threat_l_a_cgroups_path_stays_where_it_is_put(path: str, message: str) -> None:
    assert _refusal(linux={"cgroupsPath": path}) == f"linux.cgroupsPath: {message}"


@pytest.mark.parametrize("path", ["", "/a/b", "a..b/c", "/kubepods:x:y", "a:b"])
def test_other_cgroups_paths_are_taken(path: str) -> None:
    _load(linux={"cgroupsPath": path})


def test_a_cgroups_path_of_the_systemd_driver_is_not_supported_yet() -> None:
    with pytest.raises(NotImplementedFeature) as caught:
        _load(linux={"cgroupsPath": "user.slice:orun:web"})
    assert str(caught.value) == (
        'config.json: linux.cgroupsPath: "user.slice:orun:web" (a unit of the systemd driver) is not supported by this'
        " version of orun; use a path"
    )


def test_only_an_action_that_returns_an_errno_has_one() -> None:
    for action in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        _load(linux={"seccomp": {"defaultAction": action, "defaultErrnoRet": 1}})
    assert _refusal(linux={"seccomp": {"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1}}) == (
        "linux.seccomp.defaultErrnoRet: SCMP_ACT_KILL returns no errno; drop it, or use SCMP_ACT_ERRNO"
    )
    rule = {"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1}
    assert _refusal(linux={"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule]}}) == (
        "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_ALLOW returns no errno; drop it, or use SCMP_ACT_ERRNO"
    )


@pytest.mark.parametrize(
    ("seccomp", "message"),
    [
        ({"defaultAction": "SCMP_ACT_NOTIFY"}, "defaultAction: SCMP_ACT_NOTIFY is not supported"),
        (
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["x"], "action": "SCMP_ACT_NOTIFY"}]},
            "syscalls[0].action: SCMP_ACT_NOTIFY is not supported",
        ),
        (
            {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]},
            "flags[0]: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is not supported",
        ),
        ({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/x"}, "listenerPath: not supported"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}, "listenerMetadata: not supported"),
    ],
)
def test_a_seccomp_listener_is_not_supported_yet(seccomp: dict[str, Any], message: str) -> None:
    with pytest.raises(NotImplementedFeature) as caught:
        _load(linux={"seccomp": seccomp})
    assert caught.value.message == f"config.json: linux.seccomp.{message} by this version of orun"


# -- mounts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [["bind"], ["rbind", "ro"]])
def test_a_bind_mount_needs_a_source(options: list[str]) -> None:
    mount = {"destination": "/x", "options": options}
    assert _refusal(mounts=[mount]) == "mounts[0].source: a bind mount needs a source; name the path on the host"
    _load(mounts=[{**mount, "source": "/y"}])


def test_a_mount_that_is_no_bind_mount_needs_a_type() -> None:
    assert _refusal(mounts=[{"destination": "/x", "source": "/y"}]) == (
        "mounts[0].type: a mount that is no bind mount needs a type; give it"
    )


@pytest.mark.parametrize("option", ["mode=755", "size=64k", "nosuidx", "acl", "uid=0"])
def test_an_option_that_the_spec_does_not_name_is_the_file_systems(option: str) -> None:
    _load(mounts=[{"destination": "/x", "type": "none", "source": "/y", "options": ["rbind", option]}])
    _load(mounts=[{"destination": "/x", "type": "ext4", "source": "/dev/y", "options": [option]}])


@pytest.mark.parametrize("size", ["", "MB", "2", "2M", "2mb", "2 MB", "-2MB", "2MB/../x", "2MiB", "²MB"])
def test_a_page_size_is_a_number_with_a_unit(size: str) -> None:
    limits = [{"pageSize": "1GB", "limit": 0}, {"pageSize": size, "limit": 0}]
    refusal = _refusal(linux={"resources": {"hugepageLimits": limits}})
    assert refusal.startswith("linux.resources.hugepageLimits[1].pageSize: ")


def test_page_sizes_as_the_kernel_has_them_are_taken() -> None:
    limits = [{"pageSize": size, "limit": 2**64 - 1} for size in ("64KB", "2MB", "16GB")]
    _load(linux={"resources": {"hugepageLimits": limits}})


@pytest.mark.parametrize("option", ["all", "memory", "mode=755", "nsdelegate"])
def test_an_option_of_a_file_system_has_no_effect_on_a_cgroup_mount(option: str) -> None:
    mount = {"destination": "/x", "type": "cgroup", "source": "cgroup", "options": ["ro", option]}
    assert _refusal(mounts=[mount]) == (
        f'mounts[0].options[1]: "{option}" has no effect on a cgroup mount; remove it, or use type cgroup2'
    )
    _load(mounts=[{**mount, "type": "cgroup2"}])


@pytest.mark.parametrize("option", ["rprivate", "exec", "dev", "suid", "rw", "rro", "noatime", "nosymfollow", "sync"])
def test_what_engines_write_on_bind_mounts_is_taken(option: str) -> None:
    _load(mounts=[{"destination": "/x", "type": "bind", "source": "/y", "options": ["rbind", option]}])
    _load(mounts=[{"destination": "/x", "type": "cgroup", "source": "cgroup", "options": [option]}])


def test_tmpcopyup_is_for_a_tmpfs() -> None:
    _load(mounts=[{"destination": "/x", "type": "tmpfs", "options": ["tmpcopyup"]}])
    assert _refusal(mounts=[{"destination": "/x", "type": "ext4", "options": ["ro", "tmpcopyup"]}]) == (
        'mounts[0].options[1]: "tmpcopyup" has an effect on a tmpfs only; remove it'
    )
    bind = {"destination": "/x", "type": "tmpfs", "source": "/y", "options": ["bind", "tmpcopyup"]}
    assert "on a tmpfs only" in _refusal(mounts=[bind])


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("idmap", "an idmapped mount"),
        ("ridmap", "an idmapped mount"),
        ("idmap=uids=0-1-2", "an idmapped mount"),
        ("remount", '"remount"'),
    ],
)
def test_an_option_that_is_not_there_yet_is_refused(option: str, what: str) -> None:
    mount = {"destination": "/x", "type": "bind", "source": "/y", "options": ["bind", option]}
    with pytest.raises(NotImplementedFeature) as caught:
        _load(mounts=[mount])
    assert caught.value.message == (
        f"config.json: mounts[0].options[1]: {what} is not supported by this version of orun"
    )
