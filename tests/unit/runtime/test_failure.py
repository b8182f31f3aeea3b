"""Reports of the executor in the user's words."""

from __future__ import annotations

import errno
import struct

import pytest

from orlop.plan.builder import Plan
from orlop.plan.operation_table import BY_NAME, OPERATIONS
from orlop.plan.operations import CODE
from orlop.runtime.failure import explain, steps_before, warning_text
from orlop.runtime.protocol import Report


def _report(
    operation: str, number: int, *, status: int = 0, where: int = 0, detail: str = "", section: int = 1
) -> Report:
    return Report(struct.pack("<IIIIII", section, 0, CODE[operation], number, status, where) + detail.encode() + b"\0")


def _plan(operation: str, field: str, **arguments: object) -> Plan:
    plan = Plan('cannot run container "web"')
    plan.inner.about(field, {errno.EXDEV: "the field's own advice"})
    plan.inner.add(operation, **arguments)  # type: ignore[arg-type]  # what each case gives
    return plan


_CALLS = [
    (
        _plan("open_tree", "the.field", s0="/srv"),
        _report("open_tree", errno.EXDEV),
        'open_tree "/srv": EXDEV (Invalid cross-device link); the field\'s own advice',
    ),
    (
        _plan("write", "the.field", s0="/f", blob=b"5\n"),
        _report("write", errno.EBUSY),
        'write "/f": "5": EBUSY (Device or resource busy); somebody else uses it',
    ),
    (
        _plan("new_mount", "the.field", s0="tmpfs", blob=b"size=z\0a\0"),
        _report("new_mount", errno.ENODEV, detail="bad"),
        'fsmount "tmpfs" with "size=z,a" (bad): ENODEV (No such device); the kernel has no such file system or device',
    ),
    (
        _plan("new_mount", "the.field", s0="overlay", blob=b"lowerdir=" + b"/x:" * 2000),
        _report("new_mount", errno.ENODEV),
        f'fsmount "overlay" with "lowerdir={"/x:" * 2000}'[:280]
        + '...": ENODEV (No such device); the kernel has no such file'
        " system or device",
    ),
    (
        _plan("unshare", "the.field", n0=0x20000),
        _report("unshare", errno.ENOSPC),
        "unshare CLONE_NEWNS: ENOSPC (No space left on device); a limit of the host: see sysctl user.max_*_namespaces",
    ),
    (
        _plan("symlink", "the.field", s0="/l", s1="/t"),
        _report("symlink", errno.EROFS),
        'symlinkat "/l" -> "/t": EROFS (Read-only file system); the file system is read-only',
    ),
    (
        _plan("propagation", "the.field", s0="/", n0=1 << 19),
        _report("propagation", errno.EPERM),
        'mount "/" MS_SLAVE: EPERM (Operation not permitted); the caller lacks a capability for it',
    ),
    (
        _plan("lookup_program", "the.field", s0="x"),
        _report("lookup_program", errno.ENOENT, detail="not in $PATH"),
        "not in $PATH: ENOENT (No such file or directory); see which part of the path is missing",
    ),
    (
        _plan("mkdir", "the.field", s0="/d"),
        _report("mkdir", errno.EACCES, detail="/d"),
        'mkdirat "/d": EACCES (Permission denied); see the permissions of the caller',
    ),
]


@pytest.mark.parametrize(("plan", "report", "told"), _CALLS)
def test_a_failed_call(plan: Plan, report: Report, told: str) -> None:
    assert str(explain(plan, report)) == f'cannot run container "web": config.json: the.field: {told}'


def test_a_hook_that_failed_is_named_with_its_status() -> None:
    error = explain(
        _plan("hook", "hooks.prestart[0]", s0="/h"), _report("hook", 0, status=256, detail="exited with status 1")
    )
    assert error.message.endswith("hooks.prestart[0]: /h exited with status 1")
    assert error.hint == "see what the hook printed; correct or remove it"


def test_an_init_that_was_killed_is_told_with_advice() -> None:
    error = explain(
        _plan("target", "mounts[0] (/a)"), _report("target", 0, status=9, detail="init was killed by signal 9")
    )
    assert "mounts[0] (/a): init was killed by signal 9" in error.message
    assert "memory limit" in error.hint


def test_a_failure_after_start_is_of_a_plan_that_is_gone() -> None:
    report = _report("execve", errno.ENOENT, where=2, detail="/bin/x")
    message = explain(Plan('cannot start container "web"'), report).message
    assert message.startswith('cannot start container "web": config.json: process.args[0]: execve (/bin/x): ENOENT (')


def test_flags_and_own_places_are_not_fields_of_config_json() -> None:
    error = explain(_plan("connect", "--console-socket /s", s0="/s"), _report("connect", errno.ECONNREFUSED))
    assert 'web": --console-socket /s: connect' in error.message


def _long_plan() -> Plan:
    plan = Plan("cannot test")
    for section in (plan.outer, plan.inner, plan.cleanup):
        for number in range(14):
            section.about(f"field[{number}]" if number else "")
            section.add("mkdir", s0=f"/{number}")
    return plan


@pytest.mark.parametrize(("section", "name"), [(0, "outer"), (1, "inner"), (2, "cleanup")])
def test_debug_shows_the_steps_before_a_failure_in_order_with_their_fields(section: int, name: str) -> None:
    report = Report(struct.pack("<IIIIII", section, 12, CODE["mkdir"], errno.EIO, 0, 0))
    lines = steps_before(_long_plan(), report)
    assert len(lines) == 11
    assert lines[0] == f'ran: {name} operation 2 of 14: mkdirat "/2" (config.json: field[2])'
    assert lines[9] == f'ran: {name} operation 11 of 14: mkdirat "/11" (config.json: field[11])'
    assert lines[10] == f'failed: {name} operation 12 of 14: mkdirat "/12" (config.json: field[12])'


def test_debug_shows_fewer_steps_when_there_were_no_more() -> None:
    report = Report(struct.pack("<IIIIII", 0, 1, CODE["mkdir"], errno.EIO, 0, 0))
    assert steps_before(_long_plan(), report) == [
        'ran: outer operation 0 of 14: mkdirat "/0"',
        'failed: outer operation 1 of 14: mkdirat "/1" (config.json: field[1])',
    ]


@pytest.mark.parametrize(("section", "index", "where"), [(0, 1, 2), (0, 14, 0), (9, 0, 0)])
def test_debug_shows_nothing_of_a_plan_that_is_gone(section: int, index: int, where: int) -> None:
    report = Report(struct.pack("<IIIIII", section, index, CODE["mkdir"], errno.EIO, 0, where))
    assert steps_before(_long_plan(), report) == []


def test_a_warning_has_no_advice() -> None:
    assert warning_text(_plan("rmdir", "f", s0="/d"), _report("rmdir", errno.EBUSY)).endswith(
        "EBUSY (Device or resource busy)"
    )


_TOLD_OTHERWISE = {"wait_signal", "wait_exec", "lookup_program"}  # by the detail alone


@pytest.mark.parametrize("operation", [row.name for row in OPERATIONS])
def test_every_operation_is_told_by_its_call_its_errno_and_its_field_on_one_line(operation: str) -> None:
    plan = _plan(operation, "the.field", s0="/path", s1="/other", blob=b"data", n0=0)
    message = explain(plan, _report(operation, errno.EIO, detail="why")).message
    assert message.startswith('cannot run container "web": config.json: the.field: ')
    assert "\n" not in message
    assert "why" in message
    if operation not in _TOLD_OTHERWISE:
        assert f"config.json: the.field: {BY_NAME[operation].call}" in message
    if operation not in {"wait_signal", "wait_exec"}:
        assert message.endswith(": EIO (Input/output error)")


@pytest.mark.parametrize("operation", [row.name for row in OPERATIONS])
def test_every_operation_is_told_without_its_step_too(operation: str) -> None:
    report = _report(operation, errno.EIO, where=2, detail="why")
    message = explain(Plan('cannot start container "web"'), report).message
    assert message.startswith('cannot start container "web": ')
    assert "why" in message


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("execve", "config.json: process.args[0]: execve (why): EIO (Input/output error)"),
        ("seccomp", "config.json: linux.seccomp: seccomp (why): EIO (Input/output error)"),
        ("hook", "config.json: hooks.startContainer: hook (why): EIO (Input/output error)"),
        ("await_start", "start: await_start (why): EIO (Input/output error)"),
        ("chdir", "chdir (why): EIO (Input/output error)"),
    ],
)
def test_after_start_the_field_is_known_by_the_operation(operation: str, text: str) -> None:
    report = _report(operation, errno.EIO, where=2, detail="why")
    assert explain(Plan('cannot start container "web"'), report).message == f'cannot start container "web": {text}'


@pytest.mark.parametrize(
    "field", ["--pid-file /x", "state directory", "the container's init", "container's init", "start"]
)
def test_only_fields_of_config_json_are_said_to_be_there(field: str) -> None:
    message = explain(_plan("open", field, s0="/x"), _report("open", errno.EIO)).message
    is_own = field != "the container's init"
    assert (f'"web": {field}: openat' in message) is is_own
    assert (f"config.json: {field}" in message) is not is_own


def test_an_errno_without_a_name_has_its_number() -> None:
    message = explain(_plan("open", "f", s0="/x"), _report("open", 4095)).message
    assert message.endswith('openat "/x": errno 4095 (Unknown error 4095)')


@pytest.mark.parametrize(("number", "hint"), [(errno.ENOSPC, True), (errno.EIO, False)])
def test_advice_is_that_of_the_call_where_the_errno_misleads(number: int, hint: bool) -> None:
    told = explain(_plan("clone", "linux.namespaces"), _report("clone", number)).hint
    assert (told == "a limit of the host: see sysctl user.max_*_namespaces") is hint
    assert bool(told) is hint


def test_an_init_that_ended_without_a_word_is_told() -> None:
    error = explain(_plan("target", "the.field"), _report("target", 0))
    assert error.message == 'cannot run container "web": config.json: the.field: init ended before it was ready'
    assert error.hint == ""


def test_a_report_about_a_step_that_the_plan_does_not_have_is_told() -> None:
    message = explain(Plan("cannot test"), _report("mkdir", errno.EIO, section=7)).message
    assert message == "cannot test: mkdir: EIO (Input/output error)"


@pytest.mark.parametrize(
    ("origins", "field", "place"),
    [
        ({}, "process.cwd", "config.json: process.cwd"),
        ({"process.cwd": "--cwd"}, 'process.cwd ("/x")', '--cwd ("/x")'),
        ({"process.cwd": "--cwd"}, "process.cwdx", "config.json: process.cwdx"),
        ({"process.args[0]": "command"}, 'process.args[0] ("ls")', 'command ("ls")'),
        ({"process": "/p.json"}, 'process.cwd ("/x")', '/p.json: cwd ("/x")'),
        ({"process": "/p.json"}, "process", "/p.json"),
        ({"process": "/p.json"}, "linux.seccomp", "config.json: linux.seccomp"),
        ({"process": "/p.json"}, "--pid-file /x", "--pid-file /x"),
    ],
)
def test_a_field_is_told_by_where_it_was_set(origins: dict[str, str], field: str, place: str) -> None:
    plan = _plan("chdir", field, s0="/x")
    plan.origins = origins
    message = explain(plan, _report("chdir", errno.EXDEV)).message
    assert message.startswith(f'cannot run container "web": {place}: chdir "/x"')


@pytest.mark.parametrize(
    ("operation", "place"),
    [("hook", "config.json: hooks.prestart[0]: "), ("wait_signal", ""), ("wait_exec", "")],
)
def test_an_interrupt_is_told_as_what_it_is(operation: str, place: str) -> None:
    plan = _plan(operation, "hooks.prestart[0]", s0="/h")
    error = explain(plan, _report(operation, errno.EINTR, detail="interrupted by SIGINT"))
    assert str(error) == f'cannot run container "web": {place}interrupted by SIGINT'
