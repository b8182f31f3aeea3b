"""`orun events`: reports at an interval, out-of-memory kills, and the end."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from e2e.waiting import wait_for_exit
from orlop.errors import InvalidArgument
from orlop.runtime import verb_events
from orlop.runtime.cgroup_stats import oom_kills, read_stats
from orlop.runtime.verb_events import VERB, _interval

from .samples import make_cgroup, make_sample

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .conftest import Orun


@pytest.fixture
def cgroup(root: Path, tmp_path: Path, child: subprocess.Popen[bytes]) -> Path:
    """The cgroup of a running container `web`, in which one process has been killed already."""
    path = make_cgroup(tmp_path / "cgroup", pids__current="3\n", memory__events="oom 1\noom_kill 1\n")
    make_sample(root, pid=child.pid, cgroups={"": path})
    return path


def test_it_takes_an_id_only() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("events", 1, 1)
    assert [flag.names for flag in VERB.flags] == [["stats"], ["interval"]]


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("500ms", 0.5), ("1m", 60), ("2h", 7200), ("0.5s", 0.5), ("1.5m", 90)]
)
def test_an_interval_has_one_unit(text: str, seconds: float) -> None:
    assert _interval(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["5", "s", "5x", "5 minutes", "1m30s", "5sm", "--5s", "5us"])
def test_another_word_is_no_interval(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        _interval(text)
    assert str(caught.value) == f'--interval: "{text}" is not a duration; for example 5s'


@pytest.mark.parametrize("text", ["0s", "-1s", "-0.5ms"])
def test_an_interval_is_positive(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        _interval(text)
    assert str(caught.value) == f'--interval: "{text}" is not positive; for example 5s'


def test_stats_prints_use_once(orun: Orun, cgroup: Path) -> None:
    outcome = orun("events", "--stats", "web")
    assert (outcome.code, outcome.writes) == (0, [])
    event = json.loads(outcome.out)
    assert (event["type"], event["id"], event["data"]["pids"]) == ("stats", "web", {"current": 3})
    assert outcome.out.count("\n") == 1
    assert cgroup.exists()


def test_a_stopped_container_has_no_events(orun: Orun, root: Path) -> None:
    make_sample(root)
    outcome = orun("events", "web")
    assert outcome.err == 'orun: cannot show events of container "web": it is stopped; start it first\n'


def test_a_wrong_interval_is_told_before_anything_else(orun: Orun) -> None:
    assert orun("events", "--interval", "soon", "web").err.startswith('orun: --interval: "soon" is not a duration')


@pytest.mark.usefixtures("cgroup")
def test_reports_come_at_the_interval_until_the_container_ends(
    orun: Orun, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[float] = []

    def end_at_the_third(paths: dict[str, str]) -> dict[str, Any]:
        times.append(time.monotonic())
        if len(times) == 3:
            child.kill()
            wait_for_exit(child.pid, "the end of init")
        return read_stats(paths)

    monkeypatch.setattr(verb_events, "read_stats", end_at_the_third)
    begin = time.monotonic()
    outcome = orun("events", "--interval", "50ms", "web")
    assert (outcome.code, outcome.out) == (0, "")
    assert {fd for fd, _ in outcome.writes} == {1}
    assert [json.loads(text)["type"] for _, text in outcome.writes] == ["stats"] * 3
    assert all(at - begin >= number * 0.05 for number, at in enumerate(times, 1))


def test_each_process_that_is_killed_for_memory_has_its_line(
    orun: Orun, cgroup: Path, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([1, 1, 3, 3])  # one has been killed before we looked: not told

    def kills(paths: dict[str, str]) -> int:
        assert paths == {"": str(cgroup)}
        count = next(counts)
        if count == 3:
            child.kill()
            wait_for_exit(child.pid, "the end of init")
        return count

    monkeypatch.setattr(verb_events, "oom_kills", kills)
    outcome = orun("events", "--interval", "1h", "web")
    assert outcome.writes == [(1, '{"type":"oom","id":"web"}\n')] * 2


def test_a_kill_that_ends_the_container_is_not_lost(
    orun: Orun, cgroup: Path, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_once_counted(paths: dict[str, str]) -> int:
        count = oom_kills(paths)
        (cgroup / "memory.events").write_text("oom 2\noom_kill 2\n", encoding="ascii")
        child.kill()
        wait_for_exit(child.pid, "the end of init")
        return count

    monkeypatch.setattr(verb_events, "oom_kills", kill_once_counted)
    outcome = orun("events", "--interval", "1h", "web")
    assert [text for _, text in outcome.writes] == ['{"type":"oom","id":"web"}\n']
