"""Loop devices."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from orlop.errors import KernelError, Unavailable
from orlop.linux import loop_device
from orlop.linux.loop_device import attach_loop_device

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs_root


def test_a_file_is_a_device_until_it_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1536)  # three sectors, which is no page
    device, device_fd = attach_loop_device(str(file))
    try:
        assert os.pread(device_fd, 4096, 0) == b"x" * 1536
        backing = f"/sys/block/{device.removeprefix('/dev/')}/loop/backing_file"
        with open(backing, encoding="utf-8") as shown:  # noqa: PTH123
            assert shown.read().strip() == str(file)
        with pytest.raises(OSError, match=r"Operation not permitted|Permission denied|Bad file descriptor|Read-only"):
            os.write(os.open(device, os.O_RDWR), b"y")
    finally:
        os.close(device_fd)
    assert file.read_bytes() == b"x" * 1536


def test_two_files_are_two_devices(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(512))
    one, one_fd = attach_loop_device(str(tmp_path / "file"))
    two, two_fd = attach_loop_device(str(tmp_path / "file"))
    os.close(one_fd)
    os.close(two_fd)
    assert one != two


def test_a_machine_without_loop_devices_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"/control does not exist; load the kernel module loop$"):
        attach_loop_device("/no/where", control=str(tmp_path / "control"))
    with pytest.raises(KernelError, match=rf'^open "{tmp_path}": EISDIR'):
        attach_loop_device("/no/where", control=str(tmp_path))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r'^open "/no/where": ENOENT'):
        attach_loop_device("/no/where")
    with pytest.raises(KernelError, match=r"^ioctl .*/dev/loop\d+.*, LOOP_CONFIGURE, .*: EINVAL"):
        attach_loop_device(str(tmp_path))


def test_devices_that_others_take_are_an_error_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(bytes(512))
    taken, taken_fd = attach_loop_device(str(tmp_path / "file"))
    known = fcntl.ioctl

    def same_again(fd: int, request: int, *arguments: bytes) -> int:
        if request == loop_device._LOOP_CTL_GET_FREE:
            return int(taken.removeprefix("/dev/loop"))
        return known(fd, request, *arguments)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(fcntl, "ioctl", same_again)
    try:
        with pytest.raises(Unavailable, match="no free loop device"):
            attach_loop_device(str(tmp_path / "file"))
    finally:
        os.close(taken_fd)
