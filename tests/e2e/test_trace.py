"""`--trace`: all of what was done, in order, with times; and nothing is different for it."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .hook_log import add_hook
from .marks import cold_only
from .waiting import wait_until

if TYPE_CHECKING:
    from .container import Container
    from .runtime import Outcome

pytestmark = pytest.mark.orun_only("the option is ours")

_PHASES = ["start", "hello", "arguments", "parse", "validate", "facts", "compile", "encode"]


def _call(container: Container, path: Path | str, verb: str, *words: str, **options: Any) -> Outcome:
    return container.runtime.call("--trace", str(path), verb, *words, **options)


def _run(container: Container, path: Path | str, *words: str, **options: Any) -> Outcome:
    return _call(container, path, "run", "--bundle", str(container.bundle.write()), *words, container.id, **options)


def _spans(path: Path) -> list[dict[str, Any]]:
    """The events of a trace that have a duration, which is never negative."""
    document = json.loads(path.read_text())
    spans = [event for event in document["traceEvents"] if event["ph"] == "X"]
    assert all(event["dur"] >= 0 and event["ts"] >= 0 for event in spans)
    assert all(plan["invalid"] == 0 for plan in document["otherData"]["plans"])
    return spans


def _section(spans: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [span for span in spans if span.get("args", {}).get("section") == name]


def _end(span: dict[str, Any]) -> float:
    return float(span["ts"] + span["dur"])


def _in_sequence(spans: list[dict[str, Any]]) -> bool:
    """Each begins when the one before it has ended; a nanosecond may be lost in the sum of two floats."""
    return all(_end(one) <= other["ts"] + 0.01 for one, other in itertools.pairwise(spans))


def test_a_run_has_every_operation_of_its_plan_in_order(container: Container, directory: Path, planning: str) -> None:
    container.config["process"]["args"] = ["true"]
    path = directory / "t.json"
    _run(container, path).check()
    spans = _spans(path)
    (plan,) = json.loads(path.read_text())["otherData"]["plans"]
    assert plan["operations"] == plan["begun"] == len([span for span in spans if "args" in span])
    for name in ("outer", "inner", "cleanup"):
        section = _section(spans, name)
        assert [span["args"]["index"] for span in section] == list(range(len(section)))
        assert _in_sequence(section)
    phases = _PHASES if planning == "cold" else _PHASES[1:]  # a resident planner has started long ago
    assert [span["name"] for span in spans if span["cat"] == "planning"] == phases
    assert _in_sequence([span for span in spans if span["cat"] == "planning"])
    outer, inner, cleanup = (_section(spans, name) for name in ("outer", "inner", "cleanup"))
    assert [span["name"] for span in outer[-4:]] == ["wait_exec", "detach_planner", "supervise", "cleanup"]
    assert inner[-1]["name"] == "execve"
    assert {span["args"]["result"] for span in inner} <= {"ok", "EEXIST (ignored)", "ENOENT (ignored)"}
    assert outer[-1]["ts"] <= cleanup[0]["ts"] <= _end(cleanup[-1]) <= _end(outer[-1]) + 0.01


def test_an_operation_has_its_field(container: Container, directory: Path) -> None:
    container.config["process"]["args"] = ["true"]
    _run(container, directory / "t.json").check()
    fields = {span["name"]: span["args"]["field"] for span in _section(_spans(directory / "t.json"), "inner")}
    assert fields["sethostname"] == "hostname"
    assert fields["pivot_root"].startswith("root.path")
    assert fields["execve"] == 'process.args[0] ("true")'


def test_waiting_is_visible_as_such(container: Container, directory: Path) -> None:
    add_hook(container, "createRuntime", "sleep 0.2")
    container.config["process"]["args"] = ["true"]
    _run(container, directory / "t.json").check()
    spans = _spans(directory / "t.json")
    waits = {(span["name"], span["args"].get("what")): span for span in spans if span["cat"] == "wait"}
    assert waits["hook", "/bin/sh"]["dur"] > 190_000
    assert _end(waits["await", "hooks"]) >= _end(waits["hook", "/bin/sh"]), "init waits for the hook"
    assert ("wait_exec", None) in waits
    assert [span["name"] for span in spans if span["cat"] == "container"] == ["supervise"]


_CASES = {
    "success": (["true"], 0),
    "exit code": (["sh", "-c", "echo out; echo err >&2; exit 7"], 7),
    "signal": (["sh", "-c", "kill -9 $$"], 137),
    "no program": (["/nonexistent"], 1),
}


@pytest.mark.parametrize("case", _CASES)
def test_results_are_the_same_with_a_trace_and_without(container: Container, directory: Path, case: str) -> None:
    args, code = _CASES[case]
    container.config["process"]["args"] = args
    if case == "signal":
        container.config["linux"]["namespaces"] = [
            one for one in container.config["linux"]["namespaces"] if one["type"] != "pid"
        ]
    plain = container.run()
    traced = _run(container, directory / "t.json")
    assert plain.code == code
    assert (traced.code, traced.out, traced.err) == (plain.code, plain.out, plain.err)
    assert _section(_spans(directory / "t.json"), "cleanup")
    assert not container.exists()


def test_a_run_that_fails_has_what_ran_until_then_and_the_cleanup(container: Container, directory: Path) -> None:
    container.config["mounts"].append({"destination": "/x", "type": "nonexistent", "source": "x"})
    path = directory / "t.json"
    outcome = _run(container, path)
    assert outcome.code == 1
    assert "ENODEV" in outcome.err
    spans = _spans(path)
    inner = _section(spans, "inner")
    assert (inner[-1]["name"], inner[-1]["args"]["result"]) == ("new_mount", "ENODEV")
    assert inner[-1]["args"]["field"].startswith(f"mounts[{len(container.config['mounts']) - 1}]")
    assert "execve" not in {span["name"] for span in spans}
    assert _section(spans, "cleanup")[0]["name"] == "kill_init"
    (plan,) = json.loads(path.read_text())["otherData"]["plans"]
    assert plan["begun"] < plan["operations"]


def test_create_and_start_have_a_trace_each(container: Container, directory: Path) -> None:
    container.config["process"]["args"] = ["true"]
    create, start = directory / "create.json", directory / "start.json"
    _call(container, create, "create", "--bundle", str(container.bundle.write()), container.id).check()
    spans = _spans(create)
    inner = _section(spans, "inner")
    assert inner[-1]["name"] in ("signal", "await_start")  # as far as init had come
    if inner[-1]["name"] == "await_start":
        assert inner[-1]["args"]["result"] == "not finished"
    assert _section(spans, "cleanup") == []
    _call(container, start, "start", container.id).check()
    (wait,) = (span for span in _spans(start) if span["cat"] == "wait")
    assert wait["name"] == "connect_start"


def test_a_detached_run_and_exec_have_their_trace_when_they_return(container: Container, directory: Path) -> None:
    container.config["process"]["args"] = ["sleep", "1000"]
    _run(container, directory / "run.json", "--detach").check()
    assert _section(_spans(directory / "run.json"), "inner")[-1]["name"] == "execve"
    outcome = _call(container, directory / "exec.json", "exec", container.id, "sh", "-c", "exit 9")
    assert outcome.code == 9
    spans = _spans(directory / "exec.json")
    assert _section(spans, "inner")[-1]["args"]["result"] == "ok"
    assert _section(spans, "outer")[-1]["name"] == "supervise"


def test_the_slowest_steps_are_printed_for_a_dash(container: Container) -> None:
    container.config["process"]["args"] = ["true"]
    lines = _run(container, "-").check().err.splitlines()
    assert lines[0].startswith(f'run container "{container.id}": ')
    assert lines[0].endswith("; the 25 slowest steps")
    assert len([line for line in lines if line.count("|") == 2]) == 26
    assert any("| execve" in line for line in lines)


def test_the_slowest_steps_are_written_into_a_file_in_txt(container: Container, directory: Path) -> None:
    container.config["process"]["args"] = ["true"]
    assert _run(container, directory / "t.txt").check().err == ""
    assert "| execve" in (directory / "t.txt").read_text()


@pytest.mark.parametrize("verb", ["run", "create"])
def test_a_file_that_cannot_be_opened_leaves_nothing(container: Container, verb: str) -> None:
    words = ("--bundle", str(container.bundle.write()), container.id)
    outcome = _call(container, "/nonexistent/t.json", verb, *words)
    assert outcome.code == 1
    assert outcome.err.startswith("orun: --trace: open /nonexistent/t.json: ENOENT")
    assert outcome.err.count("\n") == 1
    assert not container.state_directory.exists()


def test_the_executor_of_a_traced_run_is_sealed_too(container: Container, directory: Path) -> None:
    container.config["process"]["args"] = ["sleep", "1000"]
    words = ("--trace", str(directory / "t.json"), "run", "--bundle", str(container.bundle.write()), container.id)
    call = container.runtime.begin(*words)
    wait_until(container.exists, "the container")
    wait_until(lambda: container.status == "running", "its start")
    assert str(Path(f"/proc/{call.pid}/exe").readlink()).startswith("/memfd:orun")
    container.kill("KILL").check()
    assert call.wait().code == 137
    assert "supervise" in {span["name"] for span in _spans(directory / "t.json")}


@cold_only("a resident planner is not the command's to lose")
def test_a_planner_that_is_killed_costs_the_trace_and_nothing_else(container: Container, directory: Path) -> None:
    container.config["process"]["args"] = ["sh", "-c", "trap 'exit 5' TERM; echo ready; sleep 1000 & wait"]
    words = ("--trace", str(directory / "t.json"), "run", "--bundle", str(container.bundle.write()), container.id)
    call = container.runtime.begin(*words)
    wait_until(lambda: "ready" in call.out(), "the trap of the program")
    children = Path(f"/proc/{call.pid}/task/{call.pid}/children").read_text()
    (planner,) = (int(pid) for pid in children.split() if int(pid) != container.pid)
    os.kill(planner, 9)
    container.kill("TERM").check()
    assert call.wait().code == 5
    assert not container.exists()


def test_errors_name_their_field_in_every_section(container: Container, directory: Path) -> None:
    """Inner and cleanup at once: a mount that fails, and a poststop hook that fails while all is taken back."""
    add_hook(container, "poststop", "exit 7")
    container.config["mounts"].append({"destination": "/x", "type": "nonexistent", "source": "x"})
    log = directory / "log"
    words = ("--log", str(log), "--log-format", "json", "create", "--bundle", str(container.bundle.write()))
    outcome = container.runtime.call(*words, container.id)
    assert f"config.json: mounts[{len(container.config['mounts']) - 1}]" in outcome.err
    messages = {entry["level"]: entry["msg"] for entry in map(json.loads, log.read_text().splitlines())}
    assert "config.json: hooks.poststop[0]: /bin/sh exited with status 7" in messages["warning"]
    assert "nonexistent" in messages["error"]


def test_an_error_of_the_outer_process_names_its_field(container: Container) -> None:
    add_hook(container, "createRuntime", "exit 7")
    outcome = container.create()
    assert outcome.code == 1
    assert "config.json: hooks.createRuntime[0]: /bin/sh exited with status 7" in outcome.err


def test_debug_shows_the_steps_before_a_failure(container: Container, directory: Path) -> None:
    container.config["mounts"].append({"destination": "/x", "type": "nonexistent", "source": "x"})
    bundle = str(container.bundle.write())
    lines = container.runtime.call("--debug", "create", "--bundle", bundle, container.id).err.splitlines()
    assert len(lines) == 12
    assert all(line.startswith("orun: debug: ran: inner operation ") for line in lines[:10])
    assert lines[10].startswith("orun: debug: failed: inner operation ")
    assert 'fsmount "nonexistent"' in lines[10]
    assert "(config.json: mounts[" in lines[10]
    log = directory / "log"
    outcome = container.runtime.call("--debug", "--log", log, "create", "--bundle", bundle, container.id)
    assert outcome.err == f"{lines[11]}\n"
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["level=debug"] * 11 + ["level=error"]
