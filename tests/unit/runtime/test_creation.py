"""What `create` and `run` check before the executor hears of anything, and what they leave."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound
from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.runtime import creation
from orlop.runtime.creation import read_config
from trees import same_fds

from .fake_executor import FAIL, report
from .samples import make_sample, sample_config

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Orun

_CREATE = 'orun: cannot create container "web": '
_RUN = 'orun: cannot run container "web": '
_NO_TAKER = (
    "config.json: process.terminal: a container in the background needs somebody to take its terminal;"
    " give --console-socket, or set process.terminal to false\n"
)
_BIG = 16 << 20


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write tmp_path's config.json, with the keys of `process` and of the whole changed, on a host with cgroup v2."""
    cgroup = f"{tmp_path}/cgroup/web"
    placement = CgroupPlacement("v2", [CgroupDirectory("", ("memory", "pids"), cgroup, [cgroup])])
    monkeypatch.setattr(creation, "place_cgroup", lambda _config, _id, _proc: placement)

    def write(process: dict[str, Any] | None = None, **keys: Any) -> None:
        config = {**sample_config(), **keys}
        config["process"] |= process or {}
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="ascii")

    return write


def test_a_configuration_is_read_whole(tmp_path: Path) -> None:
    data = b"x" * 300_000
    (tmp_path / "config.json").write_bytes(data)
    assert read_config(str(tmp_path)) == data


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        read_config(str(tmp_path))
    assert str(caught.value) == (f"{tmp_path}/config.json does not exist; make one with `orun spec`, or give --bundle")


def test_a_bundle_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotFound) as caught:
        read_config(f"{tmp_path}/file")
    assert str(caught.value) == f"{tmp_path}/file is not a directory; give the bundle's directory with --bundle"


def test_a_configuration_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(InvalidArgument) as caught:
        read_config(str(tmp_path))
    assert str(caught.value) == f"{tmp_path}/config.json is a directory; it must be a file"


def test_a_configuration_of_more_than_16_mib(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.touch()
    os.truncate(path, _BIG)
    assert len(read_config(str(tmp_path))) == _BIG
    os.truncate(path, _BIG + 1)
    with pytest.raises(InvalidArgument) as caught:
        read_config(str(tmp_path))
    assert str(caught.value) == "config.json: it is larger than 16 MiB; make it smaller"


def test_no_fd_stays_open(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with same_fds(), pytest.raises(InvalidArgument):
        read_config(str(tmp_path))


def test_a_bundle_that_does_not_exist_is_named(orun: Orun, tmp_path: Path) -> None:
    outcome = orun("create", "-b", "none", "web")
    assert outcome.err == f"{_CREATE}--bundle: {tmp_path}/none does not exist; give the bundle's directory\n"


@pytest.mark.parametrize(
    ("words", "terminal", "message"),
    [
        (
            ["create"],
            True,
            _CREATE + _NO_TAKER,
        ),
        (
            ["run", "-d"],
            True,
            _RUN + _NO_TAKER,
        ),
        (
            ["create", "--console-socket", "/s"],
            False,
            f"{_CREATE}--console-socket: there is no terminal to send; set process.terminal to true, and detach\n",
        ),
        (
            ["run", "--console-socket", "/s"],
            False,
            f"{_RUN}--console-socket: there is no terminal to send; set process.terminal to true, and detach\n",
        ),
        (
            ["run", "--console-socket", "/s"],
            True,
            f"{_RUN}--console-socket: a foreground container uses the caller's terminal; add --detach, or drop it\n",
        ),
        (["create", "--console-socket", "/s"], True, ""),
        (["run", "-d", "--console-socket", "/s"], True, ""),
        (["run"], True, ""),
        (["create"], False, ""),
    ],
)
def test_a_terminal_and_its_socket_go_together(
    orun: Orun, bundle: Callable[..., None], words: list[str], terminal: bool, message: str, pty_holder: int
) -> None:
    bundle({"terminal": terminal})
    outcome = orun(*words, "web", pid=pty_holder)
    assert outcome.err == message
    assert len(outcome.plans) == (0 if message else 1)


def test_who_took_the_id_meanwhile_is_told_and_not_what_of_theirs_is_in_the_way(
    orun: Orun, bundle: Callable[..., None], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle()

    def refuse(_placement: CgroupPlacement) -> None:
        make_sample(root)
        raise FailedPrecondition("config.json: linux.cgroupsPath: the cgroup has processes already")

    monkeypatch.setattr(creation, "refuse_populated_cgroup", refuse)
    outcome = orun("create", "web")
    assert outcome.plans == []
    assert outcome.err == 'orun: container "web" exists already; choose another id, or delete it first\n'


def test_in_the_foreground_a_terminal_needs_one_of_the_caller(
    orun: Orun, bundle: Callable[..., None], child: subprocess.Popen[bytes]
) -> None:
    bundle({"terminal": True})
    outcome = orun("run", "web", pid=child.pid)
    assert outcome.err.startswith(f"{_RUN}config.json: process.terminal: the caller has no terminal: ")
    assert outcome.plans == []


def test_a_taken_id_is_told_before_anything_else(orun: Orun, root: Path) -> None:
    make_sample(root)
    outcome = orun("create", "-b", "none", "web")
    assert outcome.err == 'orun: container "web" exists already; choose another id, or delete it first\n'


def test_a_refused_configuration_leaves_nothing(orun: Orun, bundle: Callable[..., None], root: Path) -> None:
    bundle({"cwd": "relative"})
    outcome = orun("create", "web")
    assert outcome.code == 1
    assert outcome.err.startswith(f'{_CREATE}config.json: process.cwd: "relative" is not an absolute path')
    assert not root.exists()


def test_a_configuration_that_cannot_be_compiled_leaves_nothing(
    orun: Orun, bundle: Callable[..., None], root: Path
) -> None:
    resources = {"hugepageLimits": [], "cpu": {"shares": 10}}  # the host of `bundle` has no cpu controller
    bundle(linux={**sample_config()["linux"], "resources": resources})
    outcome = orun("create", "web")
    assert (outcome.code, outcome.plans) == (1, [])
    assert "this host has no cpu cgroup controller" in outcome.err
    assert not (root / "web").exists()


def test_the_plan_begins_with_a_complete_state_directory(
    orun: Orun, bundle: Callable[..., None], root: Path, tmp_path: Path
) -> None:
    bundle()
    outcome = orun("create", "web")
    assert (outcome.code, outcome.err, outcome.is_answered) == (None, "", True)
    (plan,) = outcome.plans
    claim, config, record = plan.outer[:3]
    assert (claim.name, claim.s0, claim.n0) == ("claim", f"{root}/web", 0o700)
    assert (config.s0, config.blob) == ("config.json", (tmp_path / "config.json").read_bytes())
    assert (record.s0, config.n1, record.n1) == ("state.json", 0o600, 0o600)
    assert not (root / "web").exists()  # a planner that ends before it answered leaves nothing
    state = json.loads(record.blob)
    assert (state["pid"], state["startTime"], state["bundle"]) == (0, 0, str(tmp_path))
    assert state["rootfs"] == f"{tmp_path}/rootfs"
    assert state["cgroups"] == {"": f"{tmp_path}/cgroup/web"}
    assert [step.s0 for step in plan.outer if step.name == "write_atomic"] == ["state.json"]


def test_the_slower_of_two_that_create_one_id_is_told_so(orun: Orun, bundle: Callable[..., None]) -> None:
    bundle()
    answer = report(FAIL, "claim", section=0, index=0, errno=errno.EEXIST)
    outcome = orun("create", "web", answers=(answer,))
    assert outcome.code == 1
    assert outcome.err == 'orun: container "web" exists already; choose another id, or delete it first\n'


def test_what_the_executor_undoes_is_explained(orun: Orun, bundle: Callable[..., None]) -> None:
    bundle()
    outcome = orun("create", "web", answers=(report(FAIL, "hook", section=0, index=9999, status=256, detail="why"),))
    assert outcome.code == 1
    assert outcome.err.startswith(_CREATE)
    assert "why" in outcome.err


@pytest.mark.parametrize(
    ("words", "listen", "count"), [([], None, 0), (["--preserve-fds", "2"], None, 2), ([], "3", 3)]
)
def test_fds_after_stdio_are_preserved_by_number(
    orun: Orun, bundle: Callable[..., None], words: list[str], listen: str | None, count: int
) -> None:
    bundle()
    environment = {"LISTEN_FDS": listen} if listen else {}
    (plan,) = orun("run", *words, "web", environment=environment).plans
    (step,) = (step for step in plan.inner if step.name == "close_range")
    assert step.n0 == 3 + count


@pytest.mark.parametrize("listen", ["-1", "x", "", "٣"])
def test_a_listen_fds_that_is_no_number_counts_nothing(orun: Orun, bundle: Callable[..., None], listen: str) -> None:
    bundle()
    (plan,) = orun("run", "web", environment={"LISTEN_FDS": listen}).plans
    (step,) = (step for step in plan.inner if step.name == "close_range")
    assert step.n0 == 3


def test_a_negative_number_of_fds_is_refused(orun: Orun, bundle: Callable[..., None]) -> None:
    bundle()
    outcome = orun("create", "--preserve-fds", "-1", "web")
    assert outcome.err == f"{_CREATE}--preserve-fds: -1 is negative; give a number of file descriptors\n"


def test_a_relative_path_of_a_flag_starts_at_the_caller(
    orun: Orun, bundle: Callable[..., None], tmp_path: Path
) -> None:
    bundle()
    (plan,) = orun("create", "--pid-file", "pid", "web").plans
    assert any(step.s0 == f"{tmp_path}/pid" for step in (*plan.outer, *plan.inner))
