"""Who has a mount."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orlop.linux.fstab_mount import attach, detach
from orlop.linux.mount_users import MountIdentity, is_mounted_anywhere, mount_at, mount_namespace

if TYPE_CHECKING:
    from pathlib import Path


def test_where_nothing_is_mounted(tmp_path: Path) -> None:
    assert mount_at(str(tmp_path)) is None
    assert not is_mounted_anywhere(MountIdentity("4095:1", "/", ""))
    assert mount_namespace().startswith("mnt:[")


@pytest.mark.needs_root
def test_a_mount_that_only_another_namespace_has_still_is_there(tmp_path: Path) -> None:
    attach("tmpfs", "tmpfs", [], str(tmp_path))
    try:
        identity = mount_at(str(tmp_path))
        assert identity is not None
        assert identity.root == "/"
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo there; read line"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "there\n"
            while detach(str(tmp_path)):
                pass
            assert mount_at(str(tmp_path)) is None
            assert is_mounted_anywhere(identity)
            other.communicate("\n")
        assert not is_mounted_anywhere(identity)
    finally:
        detach(str(tmp_path))


@pytest.mark.needs_root
def test_a_directory_of_it_counts_and_another_one_beside_does_not(tmp_path: Path) -> None:
    for name in ("source/inside", "source-2", "target"):
        (tmp_path / name).mkdir(parents=True)
    target = str(tmp_path / "target")
    attach("", str(tmp_path / "source/inside"), ["bind"], target)
    try:
        found = mount_at(target)
        assert found is not None
        above, _, _ = found.root.rpartition("/")
        assert is_mounted_anywhere(replace(found, root=above))
        assert not is_mounted_anywhere(replace(found, root=f"{above}-2"))
    finally:
        detach(target)


@pytest.mark.needs_root
def test_who_has_the_devices_number_later_is_another(tmp_path: Path) -> None:
    for name in ("a", "b", "upper", "work", "target"):
        (tmp_path / name).mkdir()
    target = str(tmp_path / "target")
    found: list[MountIdentity] = []
    for lower in "ab":
        options = [
            f"{key}dir={tmp_path / name}" for key, name in (("lower", lower), ("upper", "upper"), ("work", "work"))
        ]
        attach("overlay", "overlay", options, target)
        try:
            identity = mount_at(target)
            assert identity is not None
            assert is_mounted_anywhere(identity)
            if found:
                assert not is_mounted_anywhere(replace(found[0], device=identity.device))
            found.append(identity)
        finally:
            detach(target)
