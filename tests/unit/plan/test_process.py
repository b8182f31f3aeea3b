"""The process's own steps: order, identity, capabilities, environment."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest

from orlop.plan.builder import Plan, counts, strings_blob, u32_blob, u64_blob
from orlop.plan.context import HostFacts, SeccompProgram
from orlop.plan.operations import IGNORE_EACCES, TARGET_DIRECTORY
from orlop.plan.process import ProcessCompiler

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.cgroups import CgroupPlacement

_SECCOMP = SeccompProgram(b"12345678", 2)
_KILL = 1 << 5


def _names(plan: Plan) -> list[str]:
    return [step.operation for step in plan.inner.steps]


def _last(plan: Plan, operation: str) -> Any:
    return [step for step in plan.inner.steps if step.operation == operation][-1]


def test_every_cpu_is_taken_back_after_the_outer_process_has_moved_init_away(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    outer = [step.operation for step in compiled(config).sections()[0].steps]
    inner = _names(compiled(config))
    # The clone moves init to another CPU; only the last `await` tells for certain that this is over.
    assert outer.index("clone") < len(outer) - 1 - outer[::-1].index("release")
    assert "await" not in inner[inner.index("reset_affinity") :]
    assert inner.count("reset_affinity") == 1


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_the_filter_comes_last_unless_it_needs_privilege(
    config: dict[str, Any], compiled: Callable[..., Plan], *, no_new_privileges: bool
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privileges
    names = _names(compiled(config, seccomp=_SECCOMP))
    if no_new_privileges:
        assert names[-2:] == ["seccomp", "execve"]
        assert names.index("no_new_privs") < names.index("seccomp")
    else:
        assert "no_new_privs" not in names
        assert names.index("identity") < names.index("seccomp") < names.index("capabilities")


def test_a_filter_that_needs_privilege_is_loaded_with_what_the_change_of_user_took(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["noNewPrivileges"] = False
    assert "regain_capabilities" not in _names(compiled(config, seccomp=_SECCOMP))
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    names = _names(compiled(config, seccomp=_SECCOMP))
    assert names[names.index("seccomp") - 1] == "regain_capabilities"
    assert "regain_capabilities" not in _names(compiled(config))
    config["process"]["noNewPrivileges"] = True
    assert "regain_capabilities" not in _names(compiled(config, seccomp=_SECCOMP))


def test_no_call_that_looks_at_the_working_directory_follows_the_filter(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["noNewPrivileges"] = False
    names = _names(compiled(config, seccomp=_SECCOMP))
    assert "chdir" not in names[names.index("seccomp") :]


def test_fds_are_closed_before_the_filter_and_the_user(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["noNewPrivileges"] = False
    plan = compiled(config, seccomp=_SECCOMP, preserve_fds=2)
    names = _names(plan)
    assert names.index("close_range") < names.index("seccomp")
    assert _last(plan, "close_range").n0 == 5


def test_identity_is_what_the_user_says(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["user"] = {"uid": 7, "gid": 8, "additionalGids": [9, 10], "umask": 0o77}
    plan = compiled(config)
    step = _last(plan, "identity")
    assert (step.n0, step.n1, step.blob) == (7, 8, u32_blob(9, 10))
    assert _last(plan, "umask").n0 == 0o77


def test_threat_f_no_capability_is_added_to_what_is_asked(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["capabilities"] = {"permitted": ["CAP_KILL"], "bounding": ["CAP_KILL"]}
    plan = compiled(config)
    assert _last(plan, "capabilities").blob == u64_blob(0, _KILL, 0, 0)
    assert _last(plan, "bounding_set").n0 == _KILL
    del config["process"]["capabilities"]
    assert _last(compiled(config), "capabilities").blob == u64_blob(0, 0, 0, 0)


def test_an_ambient_capability_that_the_kernel_would_refuse_is_a_warning(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["capabilities"] = {"permitted": ["CAP_KILL"], "ambient": ["CAP_KILL"]}
    plan = compiled(config)
    assert _last(plan, "capabilities").blob == u64_blob(0, _KILL, 0, 0)
    assert plan.warnings == ["process.capabilities.ambient: cannot be granted: CAP_KILL"]


def test_home_is_the_users_unless_it_is_set(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["env"] = ["A=1", "HOME="]
    execve = _last(compiled(config), "execve")
    assert execve.blob == strings_blob(["true"], ["A=1", "HOME=/root"])
    assert execve.n0 == counts(["true"], ["A=1", "HOME=/root"])
    config["process"]["env"] = ["HOME=/mine"]
    assert _last(compiled(config), "execve").blob == strings_blob(["true"], ["HOME=/mine"])


def test_a_variable_that_is_given_twice_has_its_last_value(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["env"] = ["A=1", "HOME=/x", "AB=2", "A=3", "A=", "HOME="]
    execve = _last(compiled(config), "execve")
    assert execve.blob == strings_blob(["true"], ["A=", "HOME=/root", "AB=2"])


def test_the_program_is_looked_up_in_the_containers_own_path(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["env"] = ["PATH=/first", "PATH=/last"]
    step = _last(compiled(config), "lookup_program")
    assert (step.s0, step.s1) == ("true", "/last")
    config["process"]["env"] = []
    assert _last(compiled(config), "lookup_program").s1 is None


def test_limits(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 1, "hard": 2}]
    step = _last(compiled(config), "rlimit")
    assert (step.n0, step.blob, step.field) == (4, u64_blob(1, 2), "process.rlimits[0] (RLIMIT_CORE)")


def test_the_oom_score_is_written_from_outside(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["oomScoreAdj"] = 0
    (step,) = [one for one in compiled(config).after_clone.steps if one.operation == "write_init_proc"]
    assert (step.s0, step.blob) == ("oom_score_adj", b"0")


def test_a_terminal_takes_the_place_of_stdio(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["terminal"] = True
    config["process"]["consoleSize"] = {"height": 24, "width": 80}
    plan = compiled(config)
    assert "stdio_owner" not in _names(plan)
    assert _last(plan, "console").n0 == 24 | 80 << 16
    assert _last(plan, "console").s0 == "/dev/console"


_NO_NEW_PRIVILEGES = [
    *(
        "await",
        "reset_affinity",
        "close_range",
        "stdio_owner",
        "no_new_privs",
        "chdir",
        "bounding_set",
        "identity",
        "chdir",
    ),
    *("capabilities", "lookup_program", "seccomp", "execve"),
]
_NEW_PRIVILEGES = [
    *("await", "reset_affinity", "close_range", "stdio_owner", "chdir", "bounding_set", "identity", "chdir", "seccomp"),
    *("capabilities", "lookup_program", "execve"),
]


@pytest.mark.parametrize(
    ("no_new_privileges", "order"), [(True, _NO_NEW_PRIVILEGES), (False, _NEW_PRIVILEGES)], ids=["nnp", "no-nnp"]
)
def test_the_order_in_which_privilege_is_given_up(
    config: dict[str, Any], compiled: Callable[..., Plan], *, no_new_privileges: bool, order: list[str]
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privileges
    names = _names(compiled(config, seccomp=_SECCOMP))
    assert names[-len(order) :] == order


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_the_filter_is_loaded_once_as_it_was_compiled(
    config: dict[str, Any], compiled: Callable[..., Plan], *, no_new_privileges: bool
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privileges
    plan = compiled(config, seccomp=_SECCOMP)
    assert _names(plan).count("seccomp") == 1
    assert (_last(plan, "seccomp").blob, _last(plan, "seccomp").n0) == (b"12345678", 2)
    assert "seccomp" not in _names(compiled(config))


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_a_created_container_waits_with_nothing_left_to_give_up(
    config: dict[str, Any], compiled: Callable[..., Plan], *, no_new_privileges: bool
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privileges
    names = _names(compiled(config, is_run=False, seccomp=_SECCOMP))
    after = names[names.index("await_start") + 1 :]
    assert after == (["seccomp", "execve"] if no_new_privileges else ["execve"])


def test_the_working_directory_is_entered_by_root_if_it_can_and_by_the_user_for_certain(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["cwd"] = "/work"
    first, second = [step for step in compiled(config).inner.steps if step.operation == "chdir"]
    assert (first.s0, first.flags) == ("/work", IGNORE_EACCES)
    assert (second.s0, second.flags) == ("/work", 0)


def test_a_working_directory_is_made_below_the_root_before_the_root_changes(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["cwd"] = "/work"
    plan = compiled(config)
    (made,) = [step for step in plan.inner.steps if step.operation == "target" and step.s0 == "/work"]
    (changed,) = [step for step in plan.inner.steps if step.operation == "pivot_root"]
    assert (made.at, made.n1) == (changed.at, TARGET_DIRECTORY)
    assert plan.inner.steps.index(made) < plan.inner.steps.index(changed)


def test_limits_come_before_the_capabilities_that_raising_them_needs(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    names = _names(compiled(config))
    assert names.index("rlimit") < names.index("bounding_set")


@pytest.mark.parametrize(
    ("name", "number"), [("RLIMIT_CPU", 0), ("RLIMIT_NPROC", 6), ("RLIMIT_NOFILE", 7), ("RLIMIT_RTTIME", 15)]
)
def test_a_limit_has_the_kernels_number(
    config: dict[str, Any], compiled: Callable[..., Plan], name: str, number: int
) -> None:
    config["process"]["rlimits"] = [{"type": name, "soft": 0, "hard": (1 << 64) - 1}]
    step = _last(compiled(config), "rlimit")
    assert (step.n0, step.s0, step.blob) == (number, name, u64_blob(0, (1 << 64) - 1))


def test_the_five_sets_stand_in_the_order_of_the_executor(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["capabilities"] = {
        "effective": ["CAP_CHOWN"],
        "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "inheritable": ["CAP_KILL"],
        "ambient": ["CAP_KILL"],
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
    }
    plan = compiled(config)
    assert _last(plan, "capabilities").blob == u64_blob(1, 1 | _KILL, _KILL, _KILL)
    assert _last(plan, "bounding_set").n0 == 1 | _KILL | 1 << 13
    assert plan.warnings == []


def test_what_the_caller_cannot_pass_on_is_a_warning(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    config["process"]["capabilities"] = {"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN"]}
    plan = Plan("x")
    facts = HostFacts(cgroups=placement("v2"), capability_mask=_KILL)
    ProcessCompiler(plan, config["process"], facts).drop_privileges(0)
    assert _last(plan, "bounding_set").n0 == _KILL
    assert _last(plan, "capabilities").blob == u64_blob(0, 0, 0, 0)
    assert plan.warnings == [
        "process.capabilities.bounding: cannot be granted: CAP_CHOWN",
        "process.capabilities.permitted: cannot be granted: CAP_CHOWN",
    ]


def test_a_capability_that_nobody_knows_is_a_warning(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["capabilities"] = {"bounding": ["CAP_NO_SUCH", "CAP_KILL", "kill\n"]}
    plan = compiled(config)
    assert _last(plan, "bounding_set").n0 == _KILL
    assert plan.warnings == ['process.capabilities.bounding: cannot be granted: "CAP_NO_SUCH", "kill\\n"']


def test_the_default_umask_is_the_one_of_runc(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    assert _last(compiled(config), "umask").n0 == 0o022
    config["process"]["user"]["umask"] = 0
    assert _last(compiled(config), "umask").n0 == 0


def test_stdio_is_given_to_the_user(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["user"] = {"uid": 7, "gid": 8}
    names = _names(compiled(config))
    assert _last(compiled(config), "stdio_owner").n0 == 7
    assert names.index("stdio_owner") < names.index("bounding_set")


def test_a_terminal_is_the_users_and_opened_in_the_new_root(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"].update({"terminal": True, "user": {"uid": 7, "gid": 8}})
    plan = compiled(config, console_socket="/c")
    console = _last(plan, "console")
    assert (console.n0, console.n1, console.at) == (0, 7, _last(plan, "pivot_root").at)
    assert [step.s0 for step in plan.outer.steps if step.fd == console.fd] == ["/c"]
    assert _names(plan).index("pivot_root") < _names(plan).index("console")
    assert _last(compiled(config), "console").fd == -1


def test_a_keyring_is_joined_only_when_it_is_wanted(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    assert _last(compiled(config), "keyring").s0 == "_ses.web"
    assert "keyring" not in _names(compiled(config, keyring=False))


def test_the_program_is_named_in_the_field_of_its_steps(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["args"] = ["/bin/x", "-y"]
    plan = compiled(config)
    assert {_last(plan, name).field for name in ("lookup_program", "execve")} == {'process.args[0] ("/bin/x")'}
    assert _last(plan, "execve").hints[errno.ENOENT] == "its interpreter or loader is missing in the rootfs"


def test_an_apparmor_profile_is_set_by_the_hosts_proc_behind_the_hooks(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["apparmorProfile"] = "docker-default"
    config["hooks"] = {"createContainer": [{"path": "/bin/true"}]}
    names = _names(compiled(config))
    step = _last(compiled(config), "write_self_proc")
    assert (step.fd, step.s0, step.blob) == (-1, "attr/apparmor/exec", b"exec docker-default")
    assert step.field == "process.apparmorProfile"
    assert names.index("hook") < names.index("write_self_proc") < names.index("pivot_root")


def test_without_a_mount_namespace_the_profile_is_set_before_the_chroot(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["apparmorProfile"] = "docker-default"
    config["root"].pop("readonly", None)
    config["mounts"] = []
    linux = config["linux"]
    linux["namespaces"] = [one for one in linux["namespaces"] if one["type"] != "mount"]
    for field in ("maskedPaths", "readonlyPaths"):
        linux.pop(field, None)
    names = _names(compiled(config))
    assert names.index("write_self_proc") < names.index("chroot")


@pytest.mark.parametrize("profile", [None, ""])
def test_no_profile_is_no_step(config: dict[str, Any], compiled: Callable[..., Plan], profile: str | None) -> None:
    config["process"]["apparmorProfile"] = profile
    if profile is None:
        del config["process"]["apparmorProfile"]
    assert "write_self_proc" not in _names(compiled(config))
