"""One container of a test: its bundle, its id and the runtime that knows it. Every verb is a method."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .orphans import collect
from .waiting import wait_for_exit, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .bundle import Bundle
    from .config import Config
    from .runtime import Call, Outcome, Runtime

SLEEP = ("sleep", "10000")


class Container:
    """A container that need not exist yet. `config` is written to the bundle by `create`, `run` and `run_detached`."""

    def __init__(self, runtime: Runtime, bundle: Bundle, container_id: str) -> None:
        self.runtime = runtime
        self.bundle = bundle
        self.id = container_id

    @property
    def config(self) -> Config:
        """The configuration, to be changed by the test."""
        return self.bundle.config

    @property
    def rootfs(self) -> Path:
        """The root file system, on the host."""
        return self.bundle.rootfs

    @property
    def state_directory(self) -> Path:
        """Where the runtime keeps the state of this container."""
        return self.runtime.root / self.id

    def _write(self, args: tuple[str, ...]) -> str:
        if args:
            self.config["process"]["args"] = list(args)
        return str(self.bundle.write())

    def run(self, *args: str, flags: tuple[str, ...] = (), **options: Any) -> Outcome:
        """`run` in the foreground, with these process.args if any are given."""
        return self.runtime.call("run", "--bundle", self._write(args), *flags, self.id, **options)

    def begin_run(self, *args: str, flags: tuple[str, ...] = (), **options: Any) -> Call:
        """`run` in the foreground, not waited for."""
        return self.runtime.begin("run", "--bundle", self._write(args), *flags, self.id, **options)

    def run_sh(self, script: str, *, flags: tuple[str, ...] = (), **options: Any) -> Outcome:
        """`run` of a shell script in the foreground."""
        return self.run("sh", "-c", script, flags=flags, **options)

    def run_detached(self, *args: str, flags: tuple[str, ...] = (), **options: Any) -> Outcome:
        """`run --detach`, which must succeed; the process sleeps unless args are given."""
        words = ("run", "--detach", "--bundle", self._write(args or SLEEP))
        return self.runtime.call(*words, *flags, self.id, **options).check()

    def create(self, *args: str, flags: tuple[str, ...] = (), **options: Any) -> Outcome:
        """`create`; its outcome is not checked."""
        return self.runtime.call("create", "--bundle", self._write(args), *flags, self.id, **options)

    def begin_create(self, *args: str, flags: tuple[str, ...] = (), **options: Any) -> Call:
        """`create`, not waited for."""
        return self.runtime.begin("create", "--bundle", self._write(args), *flags, self.id, **options)

    def start(self) -> Outcome:
        """`start`."""
        return self.runtime.call("start", self.id)

    def exec(self, *words: str, flags: tuple[str, ...] = (), **options: Any) -> Outcome:
        """`exec` of a command."""
        return self.runtime.call("exec", *flags, self.id, *words, **options)

    def exec_sh(self, script: str, *, flags: tuple[str, ...] = (), **options: Any) -> Outcome:
        """`exec` of a shell script."""
        return self.exec("sh", "-c", script, flags=flags, **options)

    def kill(self, *words: str, flags: tuple[str, ...] = ()) -> Outcome:
        """`kill`."""
        return self.runtime.call("kill", *flags, self.id, *words)

    def delete(self, *flags: str) -> Outcome:
        """`delete`."""
        return self.runtime.call("delete", *flags, self.id)

    def state(self) -> dict[str, Any]:
        """The document that `state` prints."""
        document: dict[str, Any] = json.loads(self.runtime.call("state", self.id).check().out)
        return document

    @property
    def status(self) -> str:
        """The status in `state`."""
        return str(self.state()["status"])

    @property
    def pid(self) -> int:
        """The pid of init, on the host."""
        return int(self.state()["pid"])

    def processes(self) -> list[int]:
        """The pids in the container's cgroup, on the host."""
        text = self.runtime.call("ps", "--format", "json", self.id).check().out
        return [int(pid) for pid in json.loads(text) or ()]

    def exists(self) -> bool:
        """Whether the runtime knows the container."""
        return self.runtime.call("state", self.id).code == 0

    def stop(self) -> None:
        """Kill init and wait until it has ended: an orphan of `exec` keeps its pid namespace until it is reaped."""
        pid = self.pid
        self.kill("KILL").check()
        wait_for_exit(pid, "the end of init after KILL", meanwhile=collect)

    def wait_status(self, status: str) -> None:
        """Wait until `state` tells this status."""
        wait_until(lambda: self.status == status, f'status "{status}"')
