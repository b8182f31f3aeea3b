"""Whole small containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plan_file import shell_container

if TYPE_CHECKING:
    from pathlib import Path

    from plan_file import Executor


def test_a_container_has_its_own_hostname_and_pid_1(executor: Executor, root: Path) -> None:
    outcome = executor.run(shell_container(root, "hostname; echo $$; ls /; cat /proc/mounts"))
    outcome.assert_success()
    assert outcome.stdout.startswith("orlop-test\n1\nbin\n")
    print(outcome.stdout)


def test_the_exit_code_is_the_programs(executor: Executor, root: Path) -> None:
    assert executor.run(shell_container(root, "exit 42")).code == 42
    assert executor.run(shell_container(root, "exit 0")).code == 0
