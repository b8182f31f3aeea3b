"""`orun exec`: the process that is asked for, and the plan to run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import OrlopError
from orlop.runtime.call import Call
from orlop.runtime.command_line import GLOBAL_FLAGS, Options, parse_flags
from orlop.runtime.log import Log
from orlop.runtime.protocol import Hello
from orlop.runtime.verb_exec import (
    VERB,
    _cgroup_joins,
    _check_terminal,
    _id,
    _origins,
    _process,
    _user,
    _with_capabilities,
)

from .samples import make_sample, sample_config

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Orun
    from .fake_executor import ExecutorEnd
    from .samples import Sample

_ID_HINT = "write a number from 0 to 4294967294"


@pytest.fixture
def call(executor: ExecutorEnd, tmp_path: Path) -> Callable[..., Call]:
    """The call of `orun exec WORDS...`."""

    def make(*words: str) -> Call:
        options, arguments = parse_flags(VERB.flags, list(words), "exec")
        return Call(
            connection=executor.connection,
            hello=Hello(["orun"], {}, str(tmp_path), umask=0o022, pid=1),
            log=Log(None, is_json=False, is_debug=False),
            global_options=Options(GLOBAL_FLAGS),
            options=options,
            arguments=arguments,
        )

    return make


def _refusal(action: Callable[[], object]) -> str:
    with pytest.raises(OrlopError) as caught:
        action()
    return str(caught.value)


def test_it_takes_an_id_and_any_number_of_words() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("exec", 1, None)
    kinds = {flag.names[0]: flag.kind for flag in VERB.flags}
    assert {name for name, kind in kinds.items() if kind.endswith("s")} == {"env", "additional-gids", "cap", "cgroup"}


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("1000", 1000), ("007", 7), ("4294967294", 4294967294)])
def test_a_user_is_digits(text: str, number: int) -> None:
    assert _id(text, "uid") == number


@pytest.mark.parametrize(
    "text",
    ["-1", "4294967295", "4294967296", "18446744073709551616", " 0", "0 ", "+0", "abc", "", "0x0", "1_0", "٣", "²"],
)
def test_anything_else_is_no_user(text: str) -> None:
    assert _refusal(lambda: _id(text, "uid")) == f'--user: "{text}" is no uid; {_ID_HINT}'


@pytest.mark.parametrize(
    ("words", "user"),
    [
        ([], {"uid": 5, "gid": 6, "additionalGids": [7]}),
        (["-u", "1"], {"uid": 1, "gid": 6, "additionalGids": [7]}),
        (["--user=1:2"], {"uid": 1, "gid": 2, "additionalGids": [7]}),
        (["-g", "8", "-g", "9"], {"uid": 5, "gid": 6, "additionalGids": [7, 8, 9]}),
    ],
)
def test_flags_change_the_user_of_the_container(
    call: Callable[..., Call], words: list[str], user: dict[str, Any]
) -> None:
    original = {"uid": 5, "gid": 6, "additionalGids": [7]}
    assert _user(call(*words, "web"), original) == user
    assert original == {"uid": 5, "gid": 6, "additionalGids": [7]}


@pytest.mark.parametrize(
    ("text", "message"), [("1:", '"" is no gid'), (":1", '"" is no uid'), ("1:2:3", '"2:3" is no gid')]
)
def test_a_half_of_a_user_is_refused(call: Callable[..., Call], text: str, message: str) -> None:
    assert _refusal(lambda: _user(call("-u", text, "web"), {})) == f"--user: {message}; {_ID_HINT}"


@pytest.mark.parametrize("gid", ["-1", "4294967295"])
def test_a_group_out_of_range_is_refused(call: Callable[..., Call], gid: str) -> None:
    message = _refusal(lambda: _user(call("--additional-gids", gid, "web"), {}))
    assert message == f"--additional-gids: {gid} is no group id; use 0 to 4294967294"


def test_a_capability_is_added_where_runc_adds_it() -> None:
    before = {"bounding": ["CAP_KILL"], "effective": None, "inheritable": [], "ambient": []}
    after = _with_capabilities(before, ["CAP_KILL", "CAP_CHOWN"])
    assert after == {
        "bounding": ["CAP_KILL", "CAP_CHOWN"],
        "effective": ["CAP_KILL", "CAP_CHOWN"],
        "permitted": ["CAP_KILL", "CAP_CHOWN"],
        "inheritable": [],
        "ambient": [],
    }
    assert before["bounding"] == ["CAP_KILL"]


@pytest.mark.parametrize("has_log", [True, False])
def test_a_capability_that_does_not_exist_is_a_warning(
    orun: Orun, running: Sample, tmp_path: Path, has_log: bool
) -> None:
    outcome = orun(*(("--log", "log") if has_log else ()), "exec", "--cap", "CAP_NO_SUCH", running.id, "ls")
    assert len(outcome.plans) == 1
    text = "".join(text for fd, text in outcome.writes if fd == 2)
    words = 'exec in container "web": process.capabilities.bounding: cannot be granted: "CAP_NO_SUCH"'
    assert (f"orun: warning: {words}\n" in text) is not has_log
    assert (tmp_path / "log").exists() is has_log
    if has_log:
        assert words in (tmp_path / "log").read_text(encoding="utf-8").replace('\\"', '"')


_V1 = {"cpu,cpuacct": "/cg/cpu/web", "memory": "/cg/memory/web", "name=systemd": "/cg/systemd/web"}


@pytest.mark.parametrize(
    ("requests", "paths", "joins"),
    [
        ([], _V1, _V1),
        (["sub"], {"": "/cg/web"}, {"": "/cg/web/sub"}),
        (["/sub//./one/"], {"": "/cg/web"}, {"": "/cg/web/sub/one"}),
        (["/"], {"": "/cg/web"}, {"": "/cg/web"}),
        (["memory:sub"], _V1, {**_V1, "memory": "/cg/memory/web/sub"}),
        (["cpuacct:sub"], _V1, {**_V1, "cpu,cpuacct": "/cg/cpu/web/sub"}),
        (
            ["cpu,name=systemd:a", "memory:b"],
            _V1,
            {"cpu,cpuacct": "/cg/cpu/web/a", "memory": "/cg/memory/web/b", "name=systemd": "/cg/systemd/web/a"},
        ),
        (["sub"], {"": "/cg/u", "memory": "/cg/m"}, {"": "/cg/u/sub", "memory": "/cg/m/sub"}),
    ],
)
def test_a_cgroup_is_below_the_containers(requests: list[str], paths: dict[str, str], joins: dict[str, str]) -> None:
    assert _cgroup_joins(requests, paths) == joins


@pytest.mark.parametrize("request_text", ["..", "/../other", "memory:a/../.."])
def test_a_cgroup_outside_of_the_containers_is_refused(request_text: str) -> None:
    message = _refusal(lambda: _cgroup_joins([request_text], _V1))
    assert message == f'--cgroup: "{request_text}" leaves the container\'s cgroup; drop the ..'


def test_a_controller_that_is_not_there_is_refused() -> None:
    message = _refusal(lambda: _cgroup_joins(["io:sub"], {"": "/cg/web"}))
    assert message == '--cgroup: "io:sub": the container has no controller "io"; correct it'


def test_the_process_is_the_containers_with_what_the_flags_change(call: Callable[..., Call]) -> None:
    config = sample_config()
    config["process"] |= {"consoleSize": {"height": 1, "width": 2}, "noNewPrivileges": False, "env": ["A=1"]}
    words = ("-e", "A=2", "--env=B=3", "--cwd", "/tmp", "--tty", "--no-new-privs", "-c", "CAP_CHOWN")
    process = _process(call(*words, "web", "ls", "-l"), config)
    assert process["args"] == ["ls", "-l"]
    assert process["env"] == ["A=1", "A=2", "B=3"]
    assert (process["cwd"], process["terminal"], process["noNewPrivileges"]) == ("/tmp", True, True)
    assert "consoleSize" not in process
    assert "CAP_CHOWN" in process["capabilities"]["bounding"]
    assert config["process"]["args"] == ["sh"]
    assert config["process"]["env"] == ["A=1"]


def test_the_process_has_no_terminal_unless_asked_for(call: Callable[..., Call]) -> None:
    config = sample_config()
    config["process"]["terminal"] = True
    assert _process(call("web", "ls"), config)["terminal"] is False


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["web"], "no command is given; write it after the container id, or use --process FILE"),
        (["--process-label", "x", "web", "ls"], "--process-label: not supported by this version of orun; drop it"),
    ],
)
def test_a_process_that_cannot_be_made_is_refused(call: Callable[..., Call], words: list[str], message: str) -> None:
    assert _refusal(lambda: _process(call(*words), sample_config())) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cwd", "tmp", "web", "ls"], '--cwd: "tmp" is not an absolute path; begin it with /'),
        (["-e", "A", "web", "ls"], '--env: "A" is not NAME=VALUE; write it so'),
        (["-e", "=x", "web", "ls"], '--env: "=x" is not NAME=VALUE; write it so'),
        (["web", ""], "command: it is empty; name the program to run"),
    ],
)
def test_flags_are_checked_as_the_configuration_is_and_named(
    call: Callable[..., Call], words: list[str], message: str
) -> None:
    assert _refusal(lambda: _process(call(*words), sample_config())) == message


@pytest.mark.parametrize(
    ("words", "origins"),
    [
        (["web", "ls"], {"process.args[0]": "command"}),
        (["--cwd", "/x", "web", "ls"], {"process.args[0]": "command", "process.cwd": "--cwd"}),
        (["-g", "5", "web", "ls"], {"process.args[0]": "command", "process.user": "--additional-gids"}),
        (["-g", "5", "-u", "1", "web", "ls"], {"process.args[0]": "command", "process.user": "--user"}),
        (["-t", "-d", "web", "ls"], {"process.args[0]": "command", "process.terminal": "--tty"}),
        (["-p", "/p.json", "--cwd", "/x", "web"], {"process": "/p.json"}),
        (["--cgroup", "x", "-p", "/p.json", "web"], {"process": "/p.json", "linux.cgroupsPath": "--cgroup"}),
        (["--cgroup", "x", "web", "ls"], {"process.args[0]": "command", "linux.cgroupsPath": "--cgroup"}),
    ],
)
def test_what_does_not_come_from_the_configuration_is_known(
    call: Callable[..., Call], words: list[str], origins: dict[str, str]
) -> None:
    assert _origins(call(*words)) == origins


@pytest.mark.parametrize("kind", ["directory", "loop"])
def test_a_process_file_that_cannot_be_read_is_named(call: Callable[..., Call], tmp_path: Path, kind: str) -> None:
    path = tmp_path / "p"
    if kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(path)
    text = {"directory": "EISDIR (Is a directory)", "loop": "ELOOP (Too many levels of symbolic links)"}[kind]
    message = _refusal(lambda: _process(call("-p", "p", "web"), sample_config()))
    assert message == f"--process: read {path}: {text}; give a file with the process as JSON"


def test_a_process_file_replaces_everything(call: Callable[..., Call], tmp_path: Path) -> None:
    wanted = {"args": ["x"], "cwd": "/", "user": {"uid": 1, "gid": 2}}
    (tmp_path / "p.json").write_text(json.dumps(wanted), encoding="ascii")
    process = _process(call("-p", "p.json", "-u", "9", "web"), sample_config())
    assert (process["args"], process["user"]) == (["x"], {"uid": 1, "gid": 2})


def test_a_process_file_that_is_not_there_is_named(call: Callable[..., Call], tmp_path: Path) -> None:
    message = _refusal(lambda: _process(call("-p", "none", "web"), sample_config()))
    assert message == f"--process: {tmp_path}/none does not exist; give a file with the process as JSON"


@pytest.mark.parametrize("text", ["{", '{"args": [], "cwd": "/"}', '{"cwd": "/"}'])
def test_a_process_file_is_checked(call: Callable[..., Call], tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_text(text, encoding="ascii")
    message = _refusal(lambda: _process(call("-p", "p.json", "web"), sample_config()))
    assert message.startswith(f"{tmp_path}/p.json: ")


@pytest.mark.parametrize(
    ("words", "terminal", "message"),
    [
        (["-d"], False, ""),
        (["-d", "--console-socket", "/s"], True, ""),
        (
            ["-d"],
            True,
            "--tty: a process in the background needs somebody to take its terminal; give --console-socket",
        ),
        (["--console-socket", "/s"], True, "--console-socket: needs --detach; use --tty and --detach with it"),
        (
            ["-d", "--console-socket", "/s"],
            False,
            "--console-socket: there is no terminal to send; use --tty and --detach with it",
        ),
    ],
)
def test_a_console_socket_goes_with_a_terminal_in_the_background(
    call: Callable[..., Call], words: list[str], terminal: bool, message: str
) -> None:
    if message:
        assert _refusal(lambda: _check_terminal(call(*words, "web"), {"terminal": terminal})) == message
    else:
        _check_terminal(call(*words, "web"), {"terminal": terminal})


@pytest.mark.parametrize(
    ("words", "place"), [(["-t"], "--tty"), (["-p", "/p.json"], "/p.json: terminal")], ids=["flag", "file"]
)
def test_in_the_foreground_a_terminal_needs_one_of_the_caller(
    call: Callable[..., Call], child: subprocess.Popen[bytes], pty_holder: int, words: list[str], place: str
) -> None:
    one = call(*words, "web")
    one.hello.pid = child.pid
    assert _refusal(lambda: _check_terminal(one, {"terminal": True})).startswith(
        f"{place}: the caller has no terminal: "
    )
    one.hello.pid = pty_holder
    _check_terminal(one, {"terminal": True})


def test_the_plan_runs_the_command_in_the_containers_init(
    orun: Orun, running: Sample, child: subprocess.Popen[bytes]
) -> None:
    outcome = orun("exec", running.id, "ls", "-l")
    assert (outcome.code, outcome.err, outcome.is_answered) == (None, "", True)
    (plan,) = outcome.plans
    (opened,) = (step for step in plan.outer if step.name == "pidfd_open")
    assert (opened.n0, opened.n1) == (child.pid, running.container().start_time)
    assert any(step.name == "execve" and b"ls\0-l\0" in step.blob for step in plan.inner)


def test_a_paused_container_is_entered_only_when_that_is_said(
    orun: Orun, root: Path, tmp_path: Path, child: subprocess.Popen[bytes]
) -> None:
    (tmp_path / "freezer").mkdir()
    (tmp_path / "freezer" / "freezer.state").write_text("FROZEN\n", encoding="ascii")
    make_sample(root, pid=child.pid, cgroups={"freezer": tmp_path / "freezer"})
    outcome = orun("exec", "web", "ls")
    assert outcome.err == 'orun: cannot exec in container "web": it is paused; resume it, or use --ignore-paused\n'
    assert len(orun("exec", "--ignore-paused", "web", "ls").plans) == 1


def test_a_stopped_container_cannot_be_entered(orun: Orun, stopped: Sample) -> None:
    outcome = orun("exec", stopped.id, "ls")
    assert (outcome.code, outcome.plans) == (255, [])
    assert outcome.err == 'orun: cannot exec in container "web": it is stopped; exec needs a running container\n'


def test_an_error_names_the_container(orun: Orun, running: Sample) -> None:
    outcome = orun("exec", "-u", "root", running.id, "ls")
    assert outcome.err == f'orun: cannot exec in container "web": --user: "root" is no uid; {_ID_HINT}\n'


def test_the_process_gets_the_fds_of_socket_activation_too(orun: Orun, running: Sample) -> None:
    def fds(**keywords: Any) -> int:
        (plan,) = orun("exec", "--preserve-fds", "2", running.id, "ls", **keywords).plans
        (step,) = (step for step in plan.inner if step.name == "close_range")
        return step.n0

    assert fds(environment={"LISTEN_FDS": "3"}) - fds() == 3


def test_an_apparmor_profile_takes_the_place_of_the_containers(call: Callable[..., Call]) -> None:
    config = sample_config()
    config["process"]["apparmorProfile"] = "one"
    assert _process(call("web", "ls"), config)["apparmorProfile"] == "one"
    assert _process(call("--apparmor", "two", "web", "ls"), config)["apparmorProfile"] == "two"
