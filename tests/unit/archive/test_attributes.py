"""Owner, mode, attributes and time, of what is open and of what cannot be opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.archive.attributes import Attributes, has_default_acl
from orlop.archive.contract import Entry, EntryType, IdRange
from orlop.archive.ownership import IdMap
from trees import describe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs_root

_ACL = bytes.fromhex("0200000001000700ffffffff04000000ffffffff20000000ffffffff")


@pytest.fixture
def root_fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def _entry(**fields: object) -> Entry:
    values: dict[str, object] = {"path": b"x", "type": EntryType.FILE, "mode": 0o644, "uid": 5, "gid": 6} | fields
    return Entry(**values)  # type: ignore[arg-type]


def _attributes(*ranges: IdRange) -> Attributes:
    return Attributes(IdMap(ranges, "uid"), IdMap(ranges, "gid"))


def test_an_open_file_keeps_setuid(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        _attributes().set_open(file.fileno(), _entry(mode=0o4755), always_mode=False)
    node = describe(tmp_path)["f"]
    assert (node["mode"], node["owner"]) == ("0o4755", (5, 6))


def test_what_cannot_be_opened_is_not_followed(tmp_path: Path, root_fd: int) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "l").symlink_to("target")
    before, here = describe(tmp_path)["target"], os.getcwd()  # noqa: PTH109
    attributes = _attributes()
    attributes.set_by_name(_entry(xattrs={b"user.a": b"b", b"trusted.a": b"b"}, mtime_ns=7), root_fd, b"l")
    tree = describe(tmp_path)
    assert (tree["l"]["owner"], tree["l"]["mtime_ns"]) == ((5, 6), 7)
    assert tree["target"] == before
    assert attributes.dropped == {b"user.a": 1, b"trusted.a": 1}
    assert os.getcwd() == here  # noqa: PTH109


def test_what_has_no_entry_is_the_containers_roots_with_nothing_of_its_surroundings(
    tmp_path: Path, root_fd: int
) -> None:
    os.setxattr(tmp_path, "system.posix_acl_default", _ACL)
    os.chown(tmp_path, 0, 8)
    tmp_path.chmod(0o2755)
    (tmp_path / "d").mkdir(mode=0o700)
    assert os.listxattr(tmp_path / "d")
    for ids, owner in (((), (0, 0)), ((IdRange(0, 1000, 1),), (1000, 1000))):
        fd = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=root_fd)
        try:
            _attributes(*ids).set_default(fd, 0o755)
        finally:
            os.close(fd)
        node = describe(tmp_path)["d"]
        assert node == {"type": "d", "mode": "0o755", "owner": owner, "xattrs": {}, "mtime_ns": 0}


def test_an_entry_says_all_of_what_was_there_before(tmp_path: Path, root_fd: int) -> None:
    for name in ("user.old", "user.kept", "trusted.overlay.opaque"):
        os.setxattr(tmp_path, name, b"1")
    _attributes().set_open(root_fd, _entry(mode=0o755, xattrs={b"user.kept": b"2"}), always_mode=True)
    assert describe(tmp_path)["."]["xattrs"] == {"user.kept": b"2", "trusted.overlay.opaque": b"1"}


def test_default_access_control_lists_are_noticed(tmp_path: Path, root_fd: int) -> None:
    attributes = _attributes()
    assert not has_default_acl(root_fd)
    attributes.set_open(root_fd, _entry(mode=0o755, xattrs={b"user.a": b"b"}), always_mode=True)
    noticed = [attributes.has_default_acl]
    attributes.set_open(root_fd, _entry(mode=0o755, xattrs={b"system.posix_acl_default": _ACL}), always_mode=True)
    noticed.append(attributes.has_default_acl)
    assert noticed == [False, True]
    assert has_default_acl(root_fd)
    assert describe(tmp_path)["."]["mode"] == "0o755"


def test_the_names_that_are_counted_are_bounded(root_fd: int) -> None:
    attributes = _attributes()
    attributes.set_open(root_fd, _entry(xattrs={b"trusted.%d" % n: b"" for n in range(1000)}), always_mode=False)
    assert len(attributes.dropped) == 64
