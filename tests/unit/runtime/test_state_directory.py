"""Who owns an id, what is on disk, and what is true of the process."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, InvalidArgument, NotFound
from orlop.linux.procfs import read_start_time
from orlop.oci.container_id import parse_container_id
from orlop.runtime.state_directory import (
    StateRoot,
    lock_for_delete,
    state_template,
    timestamp,
    without_process,
)

if TYPE_CHECKING:
    from pathlib import Path

_WEB = parse_container_id("web")


def _record(root: Path, pid: int, start_time: int) -> None:
    (root / "web").mkdir(parents=True, exist_ok=True)
    record = {"id": "web", "pid": pid, "startTime": start_time, "bundle": "/b", "cgroups": {}}
    (root / "web" / "state.json").write_text(json.dumps(record), encoding="utf-8")


def test_the_first_claim_wins(tmp_path: Path) -> None:
    root = StateRoot(str(tmp_path / "deep" / "root"))
    claim = root.claim(_WEB)
    assert (tmp_path / "deep" / "root" / "web").stat().st_mode & 0o777 == 0o700
    for taken in (root.claim, root.refuse_taken):
        with pytest.raises(
            AlreadyExists, match='container "web" exists already; choose another id, or delete it first'
        ):
            taken(_WEB)
    claim.write("state.json", b"{}")
    claim.abandon()
    assert not (tmp_path / "deep" / "root" / "web").exists()
    root.refuse_taken(_WEB)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    claim = StateRoot(str(tmp_path)).claim(_WEB)
    claim.write("state.json", b"long content")
    claim.write("state.json", b"new")
    claim.release()
    assert (tmp_path / "web" / "state.json").read_bytes() == b"new"
    assert os.listdir(tmp_path / "web") == ["state.json"]  # noqa: PTH208 (names, hidden ones too)


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
    assert json.loads(without_process(template))["pid"] == 0


def test_a_timestamp_is_gos() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", timestamp())


def test_without_a_process_it_is_stopped(tmp_path: Path) -> None:
    _record(tmp_path, 0, 0)
    assert StateRoot(str(tmp_path)).find("web").status() == "stopped"


def test_while_somebody_holds_the_lock_it_is_creating(tmp_path: Path) -> None:
    claim = StateRoot(str(tmp_path)).claim(_WEB)
    assert StateRoot(str(tmp_path)).find("web").status() == "creating"
    claim.release()
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
