"""Containers as a test lays them down: a state directory, without a runtime, for a process that is there or not."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from orlop.linux.procfs import read_start_time
from orlop.oci.default_spec import default_spec
from orlop.runtime.state_directory import StateRoot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.runtime.state_directory import Container

CREATED = "2026-01-02T03:04:05.000000006Z"


class Sample(NamedTuple):
    """A state directory and what it was given."""

    id: str
    root: Path

    @property
    def directory(self) -> Path:
        """Where its state is."""
        return self.root / self.id

    def container(self) -> Container:
        """As the runtime finds it."""
        return StateRoot(str(self.root)).find(self.id)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock, as a creator at work does."""
        fd = os.open(self.directory, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(fd)

    @contextmanager
    def waiting_for_start(self) -> Iterator[None]:
        """Listen where init listens until `start`."""
        with socket.socket(socket.AF_UNIX) as listener:
            directory = os.open(self.directory, os.O_PATH)
            listener.bind(f"/proc/self/fd/{directory}/start.sock")
            os.close(directory)
            listener.listen()
            yield


def sample_config() -> dict[str, Any]:
    """The configuration of `orun spec`, without a terminal."""
    config: dict[str, Any] = json.loads(json.dumps(default_spec(rootless=False)))
    config["process"]["terminal"] = False
    return config


def make_sample(
    root: Path,
    container_id: str = "web",
    *,
    pid: int = 0,
    cgroups: dict[str, Path] | None = None,
    config: dict[str, Any] | None = None,
    **record: Any,
) -> Sample:
    """A container below `root`; `record` replaces keys of its state.json."""
    directory = root / container_id
    directory.mkdir(parents=True)
    state = {
        "version": 1,
        "id": container_id,
        "ociVersion": "1.0.2",
        "bundle": "/bundle",
        "rootfs": "/bundle/rootfs",
        "created": CREATED,
        "annotations": {},
        "cgroups": {name: str(path) for name, path in (cgroups or {}).items()},
        "pid": pid,
        "startTime": read_start_time(pid) if pid else 0,
        **record,
    }
    (directory / "state.json").write_text(json.dumps(state), encoding="ascii")
    (directory / "config.json").write_text(json.dumps(config or sample_config()), encoding="ascii")
    return Sample(container_id, root)


def make_cgroup(path: Path, **files: str) -> Path:
    """A directory that looks like a cgroup; `memory__max` is memory.max."""
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text, encoding="ascii")
    return path
