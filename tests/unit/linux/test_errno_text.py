"""Errnos in words."""

from __future__ import annotations

import errno
import os

import pytest

from orlop.errors import KernelError
from orlop.linux.errno_text import errno_advice, errno_name_and_text, kernel_error


def test_an_errno_has_a_name_and_a_text() -> None:
    assert errno_name_and_text(errno.ENOENT) == ("ENOENT", "No such file or directory")
    assert errno_name_and_text(errno.EPERM) == ("EPERM", os.strerror(errno.EPERM))


def test_an_unknown_errno_is_told_by_its_number() -> None:
    assert errno_name_and_text(4000) == ("errno 4000", "Unknown error 4000")


@pytest.mark.parametrize(
    ("call", "number", "advice"),
    [
        ("clone3", errno.ENOSPC, "a limit of the host: see sysctl user.max_*_namespaces"),
        ("unshare", errno.ENOSPC, "a limit of the host: see sysctl user.max_*_namespaces"),
        ("move_mount", errno.ENOSPC, "a limit of the host: see sysctl fs.mount-max"),
        ("clone3", errno.EAGAIN, "a limit on processes of the user or the cgroup is reached"),
        ("mount_setattr", errno.ENOSYS, "the kernel is older than 5.12; orun needs 5.14"),
    ],
)
def test_an_errno_that_misleads_comes_with_advice(call: str, number: int, advice: str) -> None:
    assert errno_advice(number, call) == advice


def test_elsewhere_the_advice_is_what_the_errno_wants_in_general() -> None:
    assert errno_advice(errno.ENOENT, "openat") == "see which part of the path is missing"
    assert errno_advice(errno.ENOSPC, "write") == "the disk is full, or a limit of the host is reached"


def test_where_the_errno_says_it_there_is_no_advice() -> None:
    assert errno_advice(errno.ECHILD, "waitpid") == ""


def test_a_failed_call_is_told_with_arguments_errno_and_advice() -> None:
    error = kernel_error("clone3", "CLONE_NEWUSER", errno.ENOSPC, where="linux.namespaces")
    assert str(error) == (
        "linux.namespaces: clone3 CLONE_NEWUSER: ENOSPC (No space left on device); "
        "a limit of the host: see sysctl user.max_*_namespaces"
    )
    assert isinstance(error, KernelError)
    assert (error.call, error.errno) == ("clone3", errno.ENOSPC)


def test_a_failed_call_needs_no_arguments_and_no_place() -> None:
    assert str(kernel_error("waitpid", "", errno.ECHILD)) == "waitpid: ECHILD (No child processes)"
