"""USER to numbers: every form of it, and what must not become root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound
from orlop.image.user_lookup import FILE_MAX_BYTES, ProcessUser, look_up_user
from orlop.linux.root_open import RootDirectory

if TYPE_CHECKING:
    from pathlib import Path

_USERS = """\
# users
root:x:0:0:root:/root:/bin/sh
+nis::0:0:::
alice:x:1000:100:Alice:/home/alice:/bin/sh
bob:x:1001:1001::/:/bin/sh
bob:x:0:0:the second of a name:/:/bin/sh
short:x:1
4294967296:x:0:0::/:/bin/sh
1000:x:0:0::/:/bin/sh
over:x:4294967296:0::/:/bin/sh
minus:x:-1:0::/:/bin/sh
overgid:x:5:4294967295::/:/bin/sh
bell:x:6:6::/home/\x07bell:/bin/sh
"""
_GROUPS = """\
root:x:0:root
wheel:x:10:root,alice
alice:x:100:alice
audio:x:29:bob,alice
video:x:29:alice
short:x
over:x:4294967296:
named:x:42:bob
"""


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(_USERS)
    (tmp_path / "etc/group").write_text(_GROUPS)
    return tmp_path


def _look_up(rootfs: Path, user: str) -> ProcessUser:
    with RootDirectory(rootfs) as root:
        return look_up_user(root, user, place="config.User")


@pytest.mark.parametrize(
    ("user", "uid", "gid", "additional"),
    [
        ("", 0, 0, (0, 10)),
        ("root", 0, 0, (0, 10)),
        ("0", 0, 0, (0, 10)),
        ("alice", 1000, 100, (100, 10, 29)),
        ("1000", 1000, 100, (100, 10, 29)),
        ("01000", 1000, 100, (100, 10, 29)),
        ("bob", 1001, 1001, (1001, 29, 42)),
        ("alice:named", 1000, 42, (42,)),
        ("alice:7", 1000, 7, (7,)),
        ("1000:wheel", 1000, 10, (10,)),
        ("7:8", 7, 8, (8,)),
        ("7", 7, 0, (0,)),
        ("4294967294:4294967294", 4294967294, 4294967294, (4294967294,)),
    ],
)
def test_every_form_of_a_user(rootfs: Path, user: str, uid: int, gid: int, additional: tuple[int, ...]) -> None:
    assert _look_up(rootfs, user) == ProcessUser(uid=uid, gid=gid, additional_gids=additional)


@pytest.mark.parametrize("user", ["", "0", "7:8", "1234"])
def test_numbers_need_no_files(tmp_path: Path, user: str) -> None:
    expected = {"": (0, 0), "0": (0, 0), "7:8": (7, 8), "1234": (1234, 0)}[user]
    found = _look_up(tmp_path, user)
    assert (found.uid, found.gid, found.additional_gids) == (*expected, (expected[1],))


@pytest.mark.parametrize(
    "user",
    [
        "4294967295",
        "4294967296",
        "99999999999999999999999999",
        "-1",
        "+0",
        "-0",
        "--5",
        "0:4294967295",
        "0:4294967296",
        "0:-1",
        "alice:4294967296",
    ],
)
def test_threat_f_a_number_is_in_range_or_refused(rootfs: Path, user: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^config\.User: .* is out of range; a number is from 0 to 4294967294$"):
        _look_up(rootfs, user)


def test_threat_f_digits_are_never_a_name(rootfs: Path) -> None:
    # The passwd has users 1000 and 4294967296, who are root.
    assert _look_up(rootfs, "1000").uid == 1000
    with pytest.raises(InvalidArgument, match="out of range"):
        _look_up(rootfs, "4294967296")


@pytest.mark.parametrize("user", ["over", "minus", "overgid", "0:over", "alice:over"])
def test_threat_f_numbers_in_files_are_in_range_or_refused(rootfs: Path, user: str) -> None:
    with pytest.raises(
        InvalidArgument, match=r'^/etc/(passwd|group): "(over|minus|overgid)": .* from 0 to 4294967294$'
    ):
        _look_up(rootfs, user)


@pytest.mark.parametrize("user", [":", ":0", "0:", "alice:", "0:0:0", "alice:x:y"])
def test_half_a_user_is_refused(rootfs: Path, user: str) -> None:
    with pytest.raises(InvalidArgument, match="is not a user; write USER or USER:GROUP"):
        _look_up(rootfs, user)


@pytest.mark.parametrize("user", ["alice\n", "a\0b", "alice\nroot", "0\r", "0:0\n", "\x7f"])
def test_threat_m_control_characters_are_refused(rootfs: Path, user: str) -> None:
    with pytest.raises(InvalidArgument, match="holds a control character") as caught:
        _look_up(rootfs, user)
    assert str(caught.value).isprintable()


def test_threat_m_a_home_with_a_control_character_is_refused(rootfs: Path) -> None:
    with pytest.raises(InvalidArgument, match=r'^/etc/passwd: home of "bell" holds a control character'):
        _look_up(rootfs, "bell")


@pytest.mark.parametrize("user", ["nobody", "short", "+nis", "# users", "1000abc", "0x0", "\u0660", " 0", "0 "])
def test_a_name_that_is_not_there(rootfs: Path, user: str) -> None:
    with pytest.raises(NotFound, match=r"^config\.User: /etc/passwd of the image has no user "):
        _look_up(rootfs, user)


def test_a_group_that_is_not_there(rootfs: Path) -> None:
    with pytest.raises(NotFound, match=r'^config\.User: /etc/group of the image has no group "nosuch"'):
        _look_up(rootfs, "0:nosuch")


def test_threat_j_the_files_are_the_images_own(rootfs: Path) -> None:
    (rootfs / "etc/passwd").unlink()
    (rootfs / "etc/passwd").symlink_to("/../../../../etc/own")
    with pytest.raises(NotFound):
        _look_up(rootfs, "root")
    (rootfs / "etc/own").write_text("root:x:77:0::/:/bin/sh\n")
    assert _look_up(rootfs, "root").uid == 77


def test_threat_i_the_files_are_bounded(rootfs: Path) -> None:
    with (rootfs / "etc/group").open("wb") as file:
        file.truncate(FILE_MAX_BYTES + 1)
    with pytest.raises(FailedPrecondition, match="/etc/group: has more than 4194304 bytes"):
        _look_up(rootfs, "alice")


def test_bytes_that_are_no_utf8_are_passed_over(rootfs: Path) -> None:
    (rootfs / "etc/passwd").write_bytes(b"caf\xe9:x:5:5::/:/bin/sh\nalice:x:6:6:\xff:/:/bin/sh\r\n")
    assert _look_up(rootfs, "alice").uid == 6
