"""A network namespace that is made outside and handed to init."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plan_file import ALL_NAMESPACES, CLONE_NEWNET, Container

if TYPE_CHECKING:
    from plan_file import Executor

_TAG = 9


def test_init_gets_a_namespace_of_its_own_whose_loopback_is_up(executor: Executor, root: Path) -> None:
    container = Container(root, ALL_NAMESPACES & ~CLONE_NEWNET)
    container.inner.add("await", fd=7, n0=_TAG)
    container.inner.add("setns", fd=7, n0=CLONE_NEWNET, s0="")
    container.inner.add("loopback")
    container.usual_mounts()
    container.pivot()
    container.drop()
    container.outer.add("new_network", fd=5)
    container.outer.add("release", fd=5, n0=_TAG)
    own = Path("/proc/self/ns/net").readlink().name
    command = "readlink /proc/self/ns/net; ifconfig lo; cat /proc/net/dev"
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", command])).assert_success()
    namespace, *lines = outcome.stdout.splitlines()
    assert namespace.startswith("net:")
    assert namespace != own
    assert any("UP LOOPBACK RUNNING" in line for line in lines)
    assert [line.split(":")[0].strip() for line in lines if line.rstrip().endswith(" 0") and ":" in line] == ["lo"]
    assert Path("/proc/self/ns/net").readlink().name == own


def test_an_empty_slot_cannot_be_handed_over(executor: Executor, root: Path) -> None:
    container = Container(root, ALL_NAMESPACES & ~CLONE_NEWNET)
    container.inner.add("await", fd=7, n0=_TAG)
    container.pivot()
    container.outer.add("release", fd=5, n0=_TAG)
    failure = executor.run(container.run_in_foreground(["/bin/true"])).failure()
    assert (failure.op, failure.errno, failure.detail) == ("release", "EBADF", "slot 5 is empty")


def test_a_release_that_hands_nothing_over_fails_the_await_that_wants_it(executor: Executor, root: Path) -> None:
    container = Container(root, ALL_NAMESPACES & ~CLONE_NEWNET)
    container.inner.add("await", fd=7, n0=_TAG)
    container.pivot()
    container.outer.add("release", n0=_TAG)
    failure = executor.run(container.run_in_foreground(["/bin/true"])).failure()
    assert (failure.op, failure.errno) == ("await", "EBADF")


def test_a_release_that_comes_out_of_its_order_is_an_error(executor: Executor, root: Path) -> None:
    """To wait on would be for ever: who awaits it comes later."""
    container = Container(root)
    container.inner.add("await", n0=_TAG + 1)
    container.pivot()
    container.outer.add("release", n0=_TAG)
    failure = executor.run(container.run_in_foreground(["/bin/true"])).failure()
    assert (failure.op, failure.errno, failure.detail) == ("await", "EPROTO", "tag 9 came first")
