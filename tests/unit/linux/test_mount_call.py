"""The system calls of mounting: their effect, and how a refusal reads."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from orlop.errors import KernelError
from orlop.linux import mount_call
from orlop.linux.flags import MOUNT_ATTR_RDONLY, MS_BIND, MS_NODEV, MS_RDONLY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs_root


def test_a_mount_comes_and_goes(tmp_path: Path) -> None:
    mount_call.mount("tmpfs", str(tmp_path), fstype="tmpfs", flags=MS_NODEV, data="size=64k")
    try:
        assert os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize == 64 << 10
    finally:
        mount_call.unmount(str(tmp_path))
    assert os.statvfs(tmp_path).f_blocks != 16


def test_a_refused_mount_names_its_arguments() -> None:
    with pytest.raises(KernelError) as caught:
        mount_call.mount("/no", "/no/target", fstype="overlay", flags=MS_RDONLY | MS_BIND, data="lowerdir=/a:/b")
    assert str(caught.value) == (
        'mount overlay "/no" -> "/no/target", flags=MS_RDONLY|MS_BIND, data="lowerdir=/a:/b": '
        "ENOENT (No such file or directory); see which part of the path is missing"
    )
    assert (caught.value.call, caught.value.errno) == ("mount", errno.ENOENT)


def test_a_refused_unmount_names_its_flags(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=rf'^umount2 "{tmp_path}", flags=MNT_DETACH: EINVAL'):
        mount_call.unmount(str(tmp_path), flags=mount_call.MNT_DETACH)


def test_a_file_system_is_configured_and_attached(tmp_path: Path) -> None:
    context_fd = mount_call.fsopen("tmpfs")
    try:
        assert not os.get_inheritable(context_fd)
        mount_call.fsconfig_string(context_fd, "source", "name")
        mount_call.fsconfig_string(context_fd, "size", "64k")
        mount_call.fsconfig_create(context_fd)
        mount_fd = mount_call.fsmount(context_fd, attributes=MOUNT_ATTR_RDONLY)
    finally:
        os.close(context_fd)
    try:
        mount_call.move_mount(mount_fd, str(tmp_path))
    finally:
        os.close(mount_fd)
    try:
        assert os.statvfs(tmp_path).f_flag & os.ST_RDONLY
    finally:
        mount_call.unmount(str(tmp_path))


def test_a_file_system_says_what_it_does_not_like() -> None:
    context_fd = mount_call.fsopen("tmpfs")
    try:
        with pytest.raises(
            KernelError, match=r'^fsconfig nonsense="1" \(tmpfs: Unknown parameter .nonsense.\): EINVAL'
        ):
            mount_call.fsconfig_string(context_fd, "nonsense", "1")
        with pytest.raises(KernelError, match=r"^fsconfig nonsense \(tmpfs: Unknown parameter .nonsense.\): EINVAL"):
            mount_call.fsconfig_flag(context_fd, "nonsense")
        with pytest.raises(KernelError, match=r"^fsmount "):
            mount_call.fsmount(context_fd)
    finally:
        os.close(context_fd)


def test_an_unknown_file_system_is_told() -> None:
    with pytest.raises(KernelError, match=r'^fsopen "nonsense": ENODEV .*; the kernel has no such file system'):
        mount_call.fsopen("nonsense")


def test_a_copy_of_a_mount_gets_attributes_of_its_own(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    tree_fd = mount_call.open_tree(str(source), recursive=True)
    try:
        mount_call.mount_setattr(tree_fd, attr_set=MOUNT_ATTR_RDONLY, recursive=True)
        mount_call.move_mount(tree_fd, str(target))
    finally:
        os.close(tree_fd)
    try:
        with pytest.raises(OSError, match="Read-only"):
            (target / "file").touch()
        (source / "file").touch()
        assert (target / "file").exists()
    finally:
        mount_call.unmount(str(target))


def test_refusals_of_the_mount_api_name_their_call(tmp_path: Path) -> None:
    file_fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(KernelError, match=r'^open_tree "/no/where", flags=OPEN_TREE_CLONE\|AT_RECURSIVE: ENOENT'):
            mount_call.open_tree("/no/where", recursive=True)
        with pytest.raises(KernelError, match=r"^mount_setattr set=MOUNT_ATTR_RDONLY, clear=: EINVAL"):
            mount_call.mount_setattr(file_fd, attr_set=MOUNT_ATTR_RDONLY)
        with pytest.raises(KernelError, match=r'^move_mount -> "/no/where": ENOENT'):
            mount_call.move_mount(file_fd, "/no/where")
        with pytest.raises(KernelError, match=r"^fsconfig FSCONFIG_CMD_CREATE: EINVAL"):
            mount_call.fsconfig_create(file_fd)
    finally:
        os.close(file_fd)


def test_a_file_system_is_synced(tmp_path: Path) -> None:
    directory_fd = os.open(tmp_path, os.O_RDONLY)
    try:
        mount_call.syncfs(directory_fd)
    finally:
        os.close(directory_fd)
    path_fd = os.open(tmp_path, os.O_PATH)
    try:
        with pytest.raises(KernelError, match=rf"^syncfs {tmp_path}: EBADF"):
            mount_call.syncfs(path_fd)
    finally:
        os.close(path_fd)
