"""Mounts told as in fstab."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument, KernelError
from orlop.linux import mount_call
from orlop.linux.errno_text import kernel_error
from orlop.linux.fstab_mount import attach, attach_overlay_by_descriptors, detach, is_mount_point, mount_points_below
from trees import same_fds

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs_root


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory, below which all is unmounted at the end."""
    for name in ("target", "upper", "work"):
        (tmp_path / name).mkdir()
    yield tmp_path
    for mount_point in mount_points_below(str(tmp_path)):
        detach(mount_point)


def layers(place: Path, count: int, name: str = "") -> list[str]:
    """Lower directories, each with a file of its own."""
    paths = [place / f"{number}{name}" for number in range(count)]
    for number, path in enumerate(paths):
        path.mkdir(parents=True)
        (path / f"file-{number}").touch()
    return [str(path) for path in paths]


def overlay_options(place: Path, lower: list[str]) -> list[str]:
    return ["index=off", f"workdir={place}/work", f"upperdir={place}/upper", "lowerdir=" + ":".join(lower)]


@pytest.mark.parametrize("option", ["bind", "rbind"])
def test_a_bind_mount_shows_its_source(place: Path, option: str) -> None:
    source = layers(place, 1)[0]
    attach("bind", source, ("ro", option), str(place / "target"))
    assert (place / "target/file-0").exists()
    with pytest.raises(OSError, match="Read-only"):
        (place / "target/new").touch()
    detach(str(place / "target"))
    attach("none", source, ("rw", "rnodev", option), str(place / "target"))
    (place / "target/new").touch()
    assert os.statvfs(place / "target").f_flag & os.ST_NODEV


def test_a_file_system_gets_flags_attributes_and_data(place: Path) -> None:
    attach("tmpfs", "name", ("ro", "nosuid", "size=64k", "noswap"), str(place / "target"))
    status = os.statvfs(place / "target")
    assert status.f_flag & (os.ST_RDONLY | os.ST_NOSUID) == os.ST_RDONLY | os.ST_NOSUID
    assert status.f_blocks * status.f_frsize == 64 << 10
    assert is_mount_point(str(place / "target"))


@pytest.mark.parametrize("count", [1, 3, 200])
def test_an_overlay_has_any_number_of_layers(place: Path, count: int) -> None:
    attach("overlay", "overlay", overlay_options(place, layers(place, count)), str(place / "target"))
    assert len(list((place / "target").iterdir())) == count
    (place / "target/new").touch()
    assert (place / "upper/new").exists()


def test_an_overlay_of_long_paths(place: Path) -> None:
    lower = layers(place, 3, "x" * 200 + "/" + "y" * 200)
    attach("overlay", "overlay", overlay_options(place, lower), str(place / "target"))
    assert len(list((place / "target").iterdir())) == 3


def test_an_overlay_of_many_layers_on_an_old_kernel(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = mount_call.fsconfig_string

    def unknown(context_fd: int, key: str, value: str) -> None:
        if key == "lowerdir+":
            raise kernel_error("fsconfig", key, errno.EINVAL)
        known(context_fd, key, value)

    monkeypatch.setattr(mount_call, "fsconfig_string", unknown)
    options = ["ro", *overlay_options(place, layers(place, 200, "x" * 100))]
    attach("overlay", "overlay", options, str(place / "target"))
    assert len(list((place / "target").iterdir())) == 200
    assert os.statvfs(place / "target").f_flag & os.ST_RDONLY


def test_what_is_wrong_with_an_overlay_is_told_by_the_kernel(place: Path) -> None:
    options = [*overlay_options(place, layers(place, 100)), "nonsense=1"]
    with pytest.raises(KernelError, match=r"^fsconfig nonsense=\"1\" \(overlay: Unknown parameter"):
        attach("overlay", "overlay", options, str(place / "target"))
    options = overlay_options(place, [*layers(place / "more", 100), "/no/where"])
    with pytest.raises(KernelError, match=r'^fsconfig lowerdir\+="/no/where".*ENOENT'):
        attach("overlay", "overlay", options, str(place / "target"))
    assert not is_mount_point(str(place / "target"))


def test_no_file_descriptor_is_left_open(place: Path) -> None:
    with same_fds():
        lower = layers(place, 50, "x" * 100)
        attach("overlay", "overlay", overlay_options(place, lower), str(place / "target"))
        detach(str(place / "target"))
        attach_overlay_by_descriptors("overlay", overlay_options(place, lower), str(place / "target"))
        attach("bind", lower[0], ("rbind",), str(place / "target"))
        with pytest.raises(KernelError):
            attach("overlay", "overlay", ["lowerdir=/no/where"], str(place / "target"))


@pytest.mark.parametrize("option", ["remount", "rshared", "tmpcopyup"])
def test_options_of_other_calls_are_refused(option: str) -> None:
    with pytest.raises(InvalidArgument, match="are not for a new mount"):
        attach("tmpfs", "tmpfs", (option,), "/no/where")


def test_mount_points_are_known_innermost_first(place: Path) -> None:
    target = place / "target"
    attach("tmpfs", "tmpfs", (), str(target))
    (target / "inner").mkdir()
    attach("tmpfs", "tmpfs", (), str(target / "inner"))
    attach("tmpfs", "tmpfs", (), str(target / "inner"))
    assert mount_points_below(str(target)) == [str(target / "inner")] * 2 + [str(target)]
    assert mount_points_below(str(place / "tar")) == []
    assert not is_mount_point(str(place / "upper"))


def test_a_busy_mount_is_detached(place: Path) -> None:
    target = place / "target"
    attach("tmpfs", "tmpfs", (), str(target))
    file_fd = os.open(target, os.O_RDONLY)
    try:
        assert detach(str(target)) is True
        assert not is_mount_point(str(target))
    finally:
        os.close(file_fd)
    assert detach(str(target)) is False
    assert detach("/no/where") is False


def test_a_refused_unmount_is_an_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise kernel_error("umount2", "", errno.EPERM)

    monkeypatch.setattr(mount_call, "unmount", refuse)
    with pytest.raises(KernelError, match="EPERM"):
        detach(str(place))


def test_a_mount_point_whose_name_is_no_text(place: Path) -> None:
    odd = place / os.fsdecode(b"a b\\\xff")
    odd.mkdir()
    attach("tmpfs", "tmpfs", (), str(odd))
    assert is_mount_point(str(odd))
    assert Path(mount_points_below(str(place))[0]) == odd
