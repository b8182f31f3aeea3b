"""Who owns an id, what is on disk, and what is true of the process."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from orlop.linux.procfs import read_start_time
from orlop.oci.container_id import parse_container_id
from orlop.runtime import state_directory
from orlop.runtime.state_directory import (
    StateRoot,
    lock_for_delete,
    remove_unfinished_files,
    state_template,
    timestamp,
)
from trees import same_fds

from .samples import Sample, make_cgroup, make_sample

if TYPE_CHECKING:
    from pathlib import Path

_WEB = parse_container_id("web")


def _record(root: Path, pid: int, start_time: int) -> None:
    (root / "web").mkdir(parents=True, exist_ok=True)
    record = {"id": "web", "pid": pid, "startTime": start_time, "bundle": "/b", "cgroups": {}}
    (root / "web" / "state.json").write_text(json.dumps(record), encoding="utf-8")


def test_a_taken_id_is_refused(tmp_path: Path) -> None:
    root = StateRoot(str(tmp_path))
    root.refuse_taken(_WEB)
    (tmp_path / "web").mkdir()
    with pytest.raises(AlreadyExists, match='container "web" exists already; choose another id, or delete it first'):
        root.refuse_taken(_WEB)


def test_finding(tmp_path: Path) -> None:
    root = StateRoot(str(tmp_path))
    with pytest.raises(NotFound, match='container "web" does not exist; see orun list'):
        root.find("web")
    with pytest.raises(InvalidArgument):
        root.find("../web")
    _record(tmp_path, 7, 8)
    found = root.find("web")
    assert (found.pid, found.start_time, found.bundle) == (7, 8, "/b")


def test_listing_is_sorted_and_leaves_out_what_is_not_ours(tmp_path: Path) -> None:
    for name in ("b", "a", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert [one.container_id for one in StateRoot(str(tmp_path)).containers()] == ["a", "b"]
    assert StateRoot(str(tmp_path / "none")).containers() == []


def test_a_template_becomes_json_with_the_numbers(tmp_path: Path) -> None:
    config = {"ociVersion": "1.2.1", "annotations": {"a": "b"}}
    template = state_template(_WEB, config, bundle=str(tmp_path), rootfs="/r", cgroups={"pids": "/p"})
    filled = json.loads(template.replace(b"\x01", b"42").replace(b"\x02", b"99"))
    assert (filled["pid"], filled["startTime"], filled["cgroups"]) == (42, 99, {"pids": "/p"})


def test_a_timestamp_is_gos() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", timestamp())


def test_without_a_process_it_is_stopped(tmp_path: Path) -> None:
    _record(tmp_path, 0, 0)
    assert StateRoot(str(tmp_path)).find("web").status() == "stopped"


def test_while_somebody_holds_the_lock_it_is_creating(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    claim = os.open(tmp_path / "web", os.O_RDONLY)
    fcntl.flock(claim, fcntl.LOCK_EX)
    assert StateRoot(str(tmp_path)).find("web").status() == "creating"
    os.close(claim)
    assert StateRoot(str(tmp_path)).find("web").status() == "stopped"


def test_a_process_is_known_by_its_start_time(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:
        try:
            _record(tmp_path, process.pid, read_start_time(process.pid))
            assert StateRoot(str(tmp_path)).find("web").status() == "running"
            _record(tmp_path, process.pid, read_start_time(process.pid) + 1)
            assert StateRoot(str(tmp_path)).find("web").status() == "stopped"
        finally:
            process.kill()


def test_while_init_listens_it_is_created(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as process, socket.socket(socket.AF_UNIX) as listener:
        try:
            _record(tmp_path, process.pid, read_start_time(process.pid))
            here = os.open(tmp_path / "web", os.O_PATH)
            listener.bind(f"/proc/self/fd/{here}/start.sock")
            os.close(here)
            listener.listen()
            assert StateRoot(str(tmp_path)).find("web").status() == "created"
            listener.close()
            assert StateRoot(str(tmp_path)).find("web").status() == "running"
        finally:
            process.kill()


def test_a_frozen_init_is_not_asked(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    freezer = make_cgroup(tmp_path / "freezer", freezer__state="FROZEN\n")
    sample = make_sample(tmp_path, pid=child.pid, cgroups={"freezer": freezer})
    with sample.waiting_for_start():
        assert [sample.container().status() for _ in range(300)] == ["paused"] * 300  # more than may queue
        (freezer / "freezer.state").write_text("THAWED\n", encoding="ascii")
        assert sample.container().status() == "created"


def test_a_delete_takes_the_lock_once(tmp_path: Path) -> None:
    _record(tmp_path, 0, 0)
    container = StateRoot(str(tmp_path)).find("web")
    fd = lock_for_delete(container)
    assert fd is not None
    with pytest.raises(BlockingIOError):
        fcntl.flock(os.open(tmp_path / "web", os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)
    (tmp_path / "web" / "state.json").unlink()
    (tmp_path / "web").rmdir()
    assert lock_for_delete(container) is None


def test_a_root_that_is_missing_is_made_for_others_to_pass_through(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        StateRoot(str(tmp_path / "deep" / "root")).prepare()
    finally:
        os.umask(before)
    assert (tmp_path / "deep" / "root").stat().st_mode & 0o777 == 0o711


def test_a_file_with_the_name_of_a_container_is_none(tmp_path: Path) -> None:
    (tmp_path / "web").touch()
    root = StateRoot(str(tmp_path))
    root.refuse_taken(_WEB)
    with pytest.raises(NotFound):
        root.find("web")


def test_a_state_that_is_not_written_yet_is_that_of_a_creator(tmp_path: Path) -> None:
    """`create` makes the file and then writes it, before there is anything else."""
    sample = make_sample(tmp_path)
    (sample.directory / "state.json").write_bytes(b"")
    container = sample.container()
    assert not container.is_damaged
    assert (container.pid, container.bundle, container.cgroup_paths) == (0, "", {})


@pytest.mark.parametrize("text", ["{", "not json", '{"id": '])
def test_a_state_that_is_not_whole_is_found_only_by_who_asks_for_it(tmp_path: Path, text: str) -> None:
    sample = make_sample(tmp_path)
    (sample.directory / "state.json").write_text(text, encoding="ascii")
    (sample.directory / "config.json").write_text(text, encoding="ascii")
    with pytest.raises(FailedPrecondition, match=r'container "web": its state\.json is damaged'):
        sample.container()
    found = StateRoot(str(tmp_path)).find("web", or_damaged=True)
    assert (found.pid, found.start_time, found.bundle, found.cgroup_paths) == (0, 0, "", {})
    assert found.is_damaged
    assert not make_sample(tmp_path, "whole").container().is_damaged
    assert found.config() == {}


def test_the_configuration_is_that_of_the_state_directory(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, config={"ociVersion": "1.0.0"})
    assert sample.container().config() == {"ociVersion": "1.0.0"}
    (sample.directory / "config.json").unlink()
    assert sample.container().config() == {}


def test_one_that_listens_while_its_creator_holds_the_lock_is_creating(running: Sample) -> None:
    with running.waiting_for_start():
        assert running.container().status() == "created"
        with running.locked():
            assert running.container().status() == "creating"


def test_a_run_is_running_once_its_program_is_executed_though_the_lock_is_held(running: Sample) -> None:
    with running.locked():
        assert running.container().status() == "running"


def test_a_run_whose_init_is_still_the_executor_is_creating(tmp_path: Path) -> None:
    sleep = shutil.which("sleep")
    assert sleep is not None
    program = os.memfd_create("orun", 0)
    with open(sleep, "rb") as file:  # noqa: PTH123 (bytes for a descriptor)
        os.write(program, file.read())
    with subprocess.Popen(["sleep", "1000"], executable=f"/proc/self/fd/{program}", pass_fds=[program]) as init:
        try:
            sample = make_sample(tmp_path, pid=init.pid)
            with sample.locked():
                assert sample.container().status() == "creating"
            assert sample.container().status() == "running"
        finally:
            init.kill()
            os.close(program)


@pytest.mark.parametrize(("state", "status"), [("FROZEN", "paused"), ("FREEZING", "paused"), ("THAWED", "running")])
def test_a_frozen_one_is_paused(
    root: Path, tmp_path: Path, child: subprocess.Popen[bytes], state: str, status: str
) -> None:
    freezer = make_cgroup(tmp_path / "freezer", freezer__state=f"{state}\n")
    sample = make_sample(root, pid=child.pid, cgroups={"freezer": freezer})
    assert sample.container().status() == status


def test_a_process_that_has_ended_is_no_longer_there_though_the_socket_is(
    running: Sample, child: subprocess.Popen[bytes]
) -> None:
    with running.waiting_for_start():
        child.kill()
        child.wait()
        assert running.container().status() == "stopped"


def test_looking_leaves_no_fd(running: Sample) -> None:
    with same_fds():
        with running.waiting_for_start():
            running.container().status()
        running.container().status()


def test_a_state_directory_may_have_a_path_longer_than_a_sockets(
    tmp_path: Path, child: subprocess.Popen[bytes]
) -> None:
    sample = make_sample(tmp_path / ("d" * 120), pid=child.pid)
    with sample.waiting_for_start():
        assert sample.container().status() == "created"


def test_a_delete_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_directory, "_LOCK_TIMEOUT_S", 0.02)
    sample = make_sample(tmp_path)
    with same_fds(), sample.locked(), pytest.raises(FailedPrecondition) as caught:
        lock_for_delete(sample.container())
    assert str(caught.value) == 'container "web" is still being created; try again'


def test_a_delete_gets_the_lock_of_a_creator_that_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "web").mkdir()
    claim = os.open(tmp_path / "web", os.O_RDONLY)
    fcntl.flock(claim, fcntl.LOCK_EX)
    monkeypatch.setattr(time, "sleep", lambda _seconds: os.close(claim))
    fd = lock_for_delete(StateRoot(str(tmp_path)).find("web"))
    assert fd is not None
    os.close(fd)


def test_only_unfinished_files_are_removed(tmp_path: Path) -> None:
    sample = make_sample(tmp_path)
    for name in (".state.json", ".config.json", ".state.json.7"):
        (sample.directory / name).touch()
    remove_unfinished_files(sample.container())
    assert {path.name for path in sample.directory.iterdir()} == {"state.json", "config.json"}
