"""The edge: dispatch, and one line for every error, on stderr and in the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orlop.runtime.command_line import HELP_FLAG, Verb
from orlop.runtime.log import one_line
from orlop.runtime.planner import VERBS, serve
from orlop.runtime.protocol import Connection, ExecutorGone

from .fake_executor import DONE, FAIL, WARN, frame, hello, report
from .samples import sample_config

if TYPE_CHECKING:
    from .conftest import Orun
    from .fake_executor import ExecutorEnd
    from .samples import Sample


def _verb(name: str) -> Verb:
    verb = __import__(f"orlop.runtime.{VERBS[name][0]}", fromlist=["VERB"]).VERB
    assert isinstance(verb, Verb)
    return verb


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_declared_where_it_is_implemented(name: str) -> None:
    verb = _verb(name)
    assert verb.name == name
    assert verb.maximum is None or verb.minimum <= verb.maximum
    names = [one for flag in (*verb.flags, HELP_FLAG) for one in flag.names]
    assert len(names) == len(set(names)), "two flags have one name"
    assert all(flag.help for flag in verb.flags)


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_a_verb_has_every_flag_that_is_not_hidden(orun: Orun, name: str) -> None:
    outcome = orun(name, "--help")
    assert (outcome.code, outcome.err, outcome.plans) == (0, "", [])
    assert orun(name, "-h").out == outcome.out
    words = outcome.out.replace(",", " ").split()
    for flag in _verb(name).flags:
        assert (f"--{flag.names[0]}" in words) is not flag.hidden


def test_the_help_has_every_verb_and_needs_no_root(orun: Orun) -> None:
    out = orun("--help", root=None).out
    assert all(f"   {name:<12} {text}\n" in out for name, (_, text) in VERBS.items())


@pytest.mark.parametrize("words", [[], ["-h"], ["help"], ["h"], ["--help", "no-such-verb"]])
def test_the_help_has_several_names(orun: Orun, words: list[str]) -> None:
    assert orun(*words).out == orun("--help").out


@pytest.mark.parametrize("flag", ["--version", "-v", "-version"])
def test_the_version_has_several_names(orun: Orun, flag: str) -> None:
    outcome = orun(flag, root=None)
    assert outcome.code == 0
    assert outcome.out.startswith("orun version ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lst"], 'no such command: "lst"; did you mean list?'),
        (["strt", "x"], 'no such command: "strt"; did you mean start?'),
        (["--zzzz", "list"], "unknown flag --zzzz; see orun --help"),
        (["--log"], "flag --log needs a value; write --log=VALUE"),
        (["list", "--zzzz"], "list: unknown flag --zzzz; see orun list --help"),
        (["zzzz"], 'no such command: "zzzz"; see orun --help'),
        (["no\nverb\x1b"], 'no such command: "no\\nverb\\x1b"; see orun --help'),
        ([b"\xff"], 'no such command: "\\udcff"; see orun --help'),
        (
            ["checkpoint", "x"],
            "checkpoint: not supported by this version of orun; checkpoint and restore come with a later release",
        ),
        (
            ["restore"],
            "restore: not supported by this version of orun; checkpoint and restore come with a later release",
        ),
        (["--systemd-cgroup", "run", "c"], "--systemd-cgroup: not supported by this version of orun; use cgroupfs"),
        (["--rootless", "true", "create", "c"], "--rootless: not supported by this version of orun; run as root"),
        (["--log-format", "xml", "list"], '--log-format: "xml" is no log format; use text or json'),
        (["--rot", "/x", "list"], "unknown flag --rot; did you mean --root?"),
        (["list", "--quite"], "list: unknown flag --quite; did you mean --quiet?"),
        (["list", "x"], 'list: unexpected argument "x"; flags go before the arguments; see orun list --help'),
        (["state"], "state: needs <container-id>; see orun state --help"),
        (["state", "web"], 'container "web" does not exist; see orun list'),
        (
            ["state", "a\nb"],
            'container id: "a\\nb" is not valid; use letters, digits, _ + - and . (not first)',
        ),
    ],
)
def test_an_error_is_one_line_and_the_exit_code_is_1(orun: Orun, words: list[str], message: str) -> None:
    outcome = orun(*words)
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"orun: {message}\n")
    assert not outcome.is_answered
    assert outcome.plans == []


@pytest.mark.parametrize(
    "words",
    [
        ["--rootless", "false"],
        ["--rootless=auto"],
        ["--rootless=true"],
        ["--systemd-cgroup=false"],
        ["--systemd-cgroup"],
        ["--criu", "x"],
        ["--debug"],
    ],
)
def test_global_flags_that_change_nothing_are_taken(orun: Orun, words: list[str]) -> None:
    outcome = orun(*words, "list", "-q")
    assert (outcome.code, outcome.is_answered) == (0, True)


def test_an_error_of_the_system_is_one_line(orun: Orun, root: Path) -> None:
    root.write_text("a file", encoding="ascii")
    outcome = orun("list")
    assert (outcome.code, outcome.err) == (
        1,
        f'orun: system call failed: "{root}" ENOTDIR (Not a directory)\n',
    )


def test_an_unknown_log_format_is_told_in_the_log_as_text(orun: Orun, tmp_path: Path) -> None:
    outcome = orun("--log", "log", "--log-format", "xml", "list")
    assert outcome.code == 1
    line = (tmp_path / "log").read_text("utf-8")
    assert line.endswith(' level=error msg="--log-format: \\"xml\\" is no log format; use text or json"\n')


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_log_has_the_message_of_stderr(orun: Orun, tmp_path: Path, form: str) -> None:
    outcome = orun("--log", "log", "--log-format", form, "state", "web")
    line = (tmp_path / "log").read_text("utf-8")
    if form == "json":
        entry = json.loads(line)
        assert (entry["level"], f"orun: {entry['msg']}\n") == ("error", outcome.err)
    else:
        message = outcome.err.removeprefix("orun: ").strip().replace('"', '\\"')
        assert line.endswith(f' level=error msg="{message}"\n')


def test_a_success_leaves_an_empty_log_and_no_fd(orun: Orun, tmp_path: Path) -> None:
    fds = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        assert orun("--log", "log", "list").code == 0
    assert (tmp_path / "log").read_bytes() == b""
    assert len(list(Path("/proc/self/fd").iterdir())) == fds


def test_a_log_that_cannot_be_opened_is_an_error(orun: Orun, tmp_path: Path) -> None:
    outcome = orun("--log", "none/log", "list")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        f"orun: --log: open {tmp_path}/none/log: ENOENT (No such file or directory);"
        " give a file in a directory that exists\n"
    )


def test_a_log_that_cannot_be_written_does_not_hide_the_error(orun: Orun) -> None:
    outcome = orun("--log", "/dev/full", "state", "web")
    assert outcome.code == 1
    assert outcome.err == (
        'orun: container "web" does not exist; see orun list (and the log cannot be written: [Errno 28] No space left'
        " on device)\n"
    )


@pytest.mark.parametrize(("words", "levels"), [([], ["error"]), (["--debug"], ["debug", "error"])])
def test_debug_messages_are_logged_when_asked_for(
    orun: Orun, tmp_path: Path, words: list[str], levels: list[str]
) -> None:
    config = sample_config()
    config["new"] = {"key": 1}
    config["process"]["terminal"] = True  # which `create` refuses without a console socket
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="ascii")
    assert orun(*words, "--log", "log", "--log-format", "json", "create", "web").code == 1
    entries = [json.loads(line) for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert [entry["level"] for entry in entries] == levels
    if "--debug" in words:
        assert entries[0]["msg"] == "config.json: new: unknown property, ignored"


@pytest.mark.parametrize("words", [[], ["--log", "log"]])
def test_debug_shows_what_ran_before_a_failure_where_the_caller_looks(
    orun: Orun, running: Sample, tmp_path: Path, words: list[str]
) -> None:
    failure = report(FAIL, "unlink", index=2, errno=16)
    with running.waiting_for_start():
        plain = orun("start", running.id, answers=(failure,))
        outcome = orun("--debug", *words, "start", running.id, answers=(failure,))
    assert plain.err.count("\n") == 1
    told = [
        f'ran: outer operation 0 of 3: openat "{running.directory}" (state directory)',
        'ran: outer operation 1 of 3: connect "start.sock" (start)',
        'failed: outer operation 2 of 3: unlinkat "start.sock" (state directory)',
    ]
    if not words:
        assert outcome.err == "".join(f"orun: debug: {line}\n" for line in told) + plain.err
        return
    assert outcome.err == plain.err
    levels = [line.split(" ")[1] for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert levels == ["level=debug"] * 3 + ["level=error"]


def test_warnings_of_the_executor_go_to_the_log(orun: Orun, running: Sample, tmp_path: Path) -> None:
    warning = report(WARN, "unlink", index=2, errno=16)
    words = ("--log", "log", "--log-format", "json")
    with running.waiting_for_start():
        outcome = orun(*words, "start", running.id, answers=(warning, frame(DONE)))
    assert (outcome.code, outcome.err) == (None, "")
    (entry,) = map(json.loads, (tmp_path / "log").read_text("utf-8").splitlines())
    assert entry["level"] == "warning"
    assert entry["msg"].startswith('cannot start container "web": state directory: unlinkat "start.sock": EBUSY (')


def test_a_failure_of_the_executor_is_explained_and_its_warnings_are_logged_too(
    orun: Orun, running: Sample, tmp_path: Path
) -> None:
    answers = (report(WARN, "unlink", index=2, errno=16), report(FAIL, "open", errno=5))
    with running.waiting_for_start():
        outcome = orun("--log", "log", "start", running.id, answers=answers)
    assert (outcome.code, outcome.is_answered) == (1, False)
    assert outcome.err == (
        f'orun: cannot start container "web": state directory: openat "{running.directory}": EIO (Input/output error)\n'
    )
    levels = [line.split()[1] for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert levels == ["level=warning", "level=error"]


def test_a_warning_is_in_the_log_before_the_last_word(
    orun: Orun, stopped: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After that the caller may be gone, and its log read."""
    logs = []
    answer = Connection.exit

    def read_log(*arguments: Any) -> None:
        logs.append((tmp_path / "log").read_text("utf-8"))
        answer(*arguments)

    monkeypatch.setattr(Connection, "exit", read_log)
    outcome = orun("--log", "log", "delete", stopped.id, answers=(report(WARN, "hook", status=7), frame(DONE)))
    assert outcome.code == 0
    (log,) = logs
    assert "level=warning" in log


def test_a_plan_that_is_done_needs_no_answer(orun: Orun, running: Sample) -> None:
    with running.waiting_for_start():
        outcome = orun("start", running.id)
    assert len(outcome.plans) == 1
    assert (outcome.code, outcome.is_answered) == (None, True)


def test_an_executor_that_is_gone_is_told_nothing(executor: ExecutorEnd, running: Sample) -> None:
    executor.say(hello(["orun", "--root", str(running.root), "start", running.id]))
    executor.say_no_more()
    with running.waiting_for_start(), pytest.raises(ExecutorGone):
        serve(executor.connection, executor.connection.receive_hello())
    assert executor.told().exits == []


def test_a_message_has_no_control_characters() -> None:
    assert one_line("plain ü") == "plain ü"
    assert one_line("a\nb\r\x1b[2J\x00\u2028ü") == "a\\nb\\r\\x1b[2J\\x00\\u2028ü"
