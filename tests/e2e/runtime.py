"""The runtime under test as its callers see it: a command line, its two output streams, and an exit code."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from .mount_namespace import MountNamespace
from .orphans import collect, keep
from .waiting import DEADLINE_S, wait_for_exit, wait_until

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from pathlib import Path


_REFUSALS_OF_PEERS = (1, 64, 255)  # crun's parser of options says 64; runc's exec, and crun in places, say 255


class Outcome:
    """How one call ended. The files go on receiving what a detached container writes."""

    def __init__(
        self, command: Sequence[str], code: int, out_path: Path, err_path: Path, *, refusals: tuple[int, ...]
    ) -> None:
        self.command = command
        self.code = code
        self._refusals = refusals
        self.out_path = out_path
        self.err_path = err_path
        self.out = out_path.read_text(errors="replace")
        self.err = err_path.read_text(errors="replace")

    def __repr__(self) -> str:
        return f"{' '.join(self.command)}\n-> exit code {self.code}\nstdout: {self.out!r}\nstderr: {self.err!r}"

    def check(self) -> Outcome:
        """This outcome, which must be a success."""
        assert self.code == 0, f"failed: {self!r}"
        return self

    def refused(self) -> Outcome:
        """This outcome, which must be a refusal: of orun that is exit code 1, or 255 of `exec`."""
        assert self.code in self._refusals, f"not refused: {self!r}"
        return self

    @property
    def says_unknown(self) -> bool:
        """Whether stderr says that there is no such container, in the words of any runtime."""
        return "exist" in self.err or "No such file or directory" in self.err

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.out.splitlines()


class Call:
    """A call that is under way."""

    def __init__(
        self,
        command: Sequence[str],
        process: subprocess.Popen[bytes],
        out_path: Path,
        err_path: Path,
        *,
        refusals: tuple[int, ...],
    ) -> None:
        self._refusals = refusals
        self.command = command
        self.process = process
        self.out_path = out_path
        self.err_path = err_path

    @property
    def pid(self) -> int:
        """The pid of the runtime's first process."""
        return self.process.pid

    def wait(self, *, deadline_s: float = DEADLINE_S) -> Outcome:
        """Wait until it ends.

        Raises:
            AssertionError: it does not within the deadline; it is killed then.
        """
        try:
            wait_for_exit(self.pid, f"the end of {' '.join(self.command)}", deadline_s=deadline_s, meanwhile=collect)
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise
        return Outcome(self.command, self.process.wait(), self.out_path, self.err_path, refusals=self._refusals)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        """Send the runtime's process a signal."""
        self.process.send_signal(number)

    def out(self) -> str:
        """What it has written to stdout so far."""
        return self.out_path.read_text(errors="replace")

    def whole_lines(self) -> list[str]:
        """The lines of that; not the last one, of which only a part may be there."""
        return self.out().split("\n")[:-1]


class Runtime:
    """The program, its `--root`, and where its outputs go. `prefix` is a command to run it by, such as nsenter.

    `planner` is what ORUN_PLANNER says: `cold`, or the socket of a resident planner.
    """

    def __init__(self, program: Path, directory: Path, *, token: str, is_orun: bool, planner: str = "cold") -> None:
        self.program = program
        self._is_orun = is_orun
        self.directory = directory
        self.root = directory / "root"
        self.token = token
        self.planner = planner
        self.prefix: list[str] = []
        self._namespace: MountNamespace | None = None
        self._numbers = itertools.count()
        self._calls: list[Call] = []

    @property
    def command(self) -> list[str]:
        """The words that every call begins with."""
        return [*self.prefix, str(self.program), "--root", str(self.root)]

    @property
    def environment(self) -> dict[str, str]:
        """What every call finds in its environment; the token lets the leak check find its processes."""
        return {"PATH": os.environ["PATH"], "E2E_TOKEN": self.token, "ORUN_PLANNER": self.planner}

    def begin(
        self,
        *arguments: str | Path,
        stdin: int | None = None,
        stdout: int | None = None,
        pass_fds: Sequence[int] = (),
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        with_root: bool = True,
    ) -> Call:
        """Start a call and do not wait for it. Without `with_root` the words are the whole command line."""
        command = [*(self.command if with_root else [*self.prefix, str(self.program)]), *map(str, arguments)]
        number = next(self._numbers)
        out_path, err_path = self.directory / f"out-{number}", self.directory / f"err-{number}"
        with out_path.open("wb") as out, err_path.open("wb") as err:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=out if stdout is None else stdout,
                stderr=err,
                pass_fds=tuple(pass_fds),
                cwd=cwd or self.directory,
                env=self.environment | (env or {}),
            )
        keep(process.pid)
        ours = (1, 255) if "exec" in arguments else (1,)
        refusals = ours if self._is_orun else _REFUSALS_OF_PEERS
        call = Call(command, process, out_path, err_path, refusals=refusals)
        self._calls.append(call)
        return call

    def call(self, *arguments: str | Path, deadline_s: float = DEADLINE_S, **options: Any) -> Outcome:
        """Make a call and wait for its end. Options as `begin`, and `input`: text for its stdin."""
        text = options.pop("input", None)
        if text is None:
            return self.begin(*arguments, **options).wait(deadline_s=deadline_s)
        path = self.directory / f"in-{next(self._numbers)}"
        path.write_text(text)
        with path.open("rb") as file:
            return self.begin(*arguments, stdin=file.fileno(), **options).wait(deadline_s=deadline_s)

    def enter_mount_namespace(self, setup: str) -> MountNamespace:
        """Run every later call in a new private mount namespace, in which the shell script `setup` has been run."""
        assert self._namespace is None
        self._namespace = MountNamespace(setup)
        self.prefix = self._namespace.prefix
        return self._namespace

    def leave_mount_namespace(self) -> None:
        """Run later calls in the test's own mount namespace.

        Raises:
            AssertionError: the other one shows a cgroup of the test; it is removed.
        """
        self.prefix = []
        if self._namespace is None:
            return
        namespace, self._namespace = self._namespace, None
        try:
            wait_until(lambda: not namespace.cgroups_of(self.token), "the end of the test's cgroups")
        except AssertionError:
            left = namespace.cgroups_of(self.token)
            wait_until(lambda: namespace.remove_cgroups(self.token), "the removal of the cgroups that were left")
            raise AssertionError(f"left behind: cgroups {left}") from None
        finally:
            namespace.close()

    def list(self) -> list[dict[str, Any]]:
        """What `list` tells as JSON."""
        return json.loads(self.call("list", "-f", "json").check().out) or []

    def end_calls(self) -> None:
        """Kill the calls that still run: only a test that failed has any."""
        for call in self._calls:
            if call.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    call.process.kill()
                call.process.wait()
