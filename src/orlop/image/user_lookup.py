"""USER of an image to numbers, by the image's own /etc/passwd and /etc/group, which are not trusted.

    USER := who [":" group]         each either digits, or a name

Digits are a number from 0 to 2^32 - 2 and never looked up as a name, and what is out of range is an error: it was 0,
which is root, once (CVE-2024-40635), and a name from the image's passwd after that (CVE-2026-46680).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotFound
from orlop.oci.field_checks import has_control_character, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.linux.root_open import RootDirectory

ID_MAX = (1 << 32) - 2  # 2^32 - 1 is "no change" to the kernel
PASSWD, GROUP = "/etc/passwd", "/etc/group"
FILE_MAX_BYTES = 4 << 20  # some 50,000 users
GROUPS_MAX = 65_536  # NGROUPS_MAX: setgroups takes no more

_ID_MAX_DIGITS = len(str(ID_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUser:
    """Who the process is. `additional_gids` begins with `gid`, as containerd's do, and has none twice."""

    uid: int
    gid: int
    additional_gids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    uid: int
    gid: int


def look_up_user(root: RootDirectory, user: str, *, place: str = "user") -> ProcessUser:
    """The numbers of a USER; of an empty one those of root, with the groups that root is in.

    Without a group it is the user's primary group, and 0 for a number that no user has, and the groups that list the
    user are added. With one, they are not (config.md, `User`; containerd adds them nevertheless).

    Raises:
        InvalidArgument: it is no user: out of range, signed, empty on a side of the colon, a control character.
        NotFound: there is no user or group of this name.
        FailedPrecondition: passwd or group are no regular files, or larger than 4 MiB.
    """
    who, colon, group = user.partition(":")
    _check_words(who, colon, group, user, place)
    account = _find_account(root, who, place) if user else _Account("root", 0, 0)
    if colon:
        gid = _number(group, place)
        gid = _find_group(root, group, place) if gid is None else gid
        return ProcessUser(uid=account.uid, gid=gid, additional_gids=(gid,))
    listed = _groups_of(root, account.name) if account.name else ()
    gids = tuple(dict.fromkeys([account.gid, *listed]))
    if len(gids) > GROUPS_MAX:
        raise InvalidArgument(f"{place}: {shown(user)} is in {len(gids)} groups, more than {GROUPS_MAX}")
    return ProcessUser(uid=account.uid, gid=account.gid, additional_gids=gids)


def _check_words(who: str, colon: str, group: str, user: str, place: str) -> None:
    if user and (not who or (colon and not group) or ":" in group):
        raise InvalidArgument(f"{place}: {shown(user)} is not a user", hint="write USER or USER:GROUP")
    if has_control_character(user):
        raise InvalidArgument(f"{place}: {shown(user)} holds a control character", hint="remove it")


def _find_account(root: RootDirectory, who: str, place: str) -> _Account:
    uid = _number(who, place)
    for name, fields in _lines(root, PASSWD):
        if len(fields) < 4 or (name != who if uid is None else fields[2] != str(uid)):
            continue
        home = fields[5] if len(fields) > 5 else ""
        if has_control_character(home):  # it becomes HOME: CVE-2026-15809
            raise InvalidArgument(f"{PASSWD}: home of {shown(name)} holds a control character")
        return _Account(name, _id_in_file(fields[2], PASSWD, name), _id_in_file(fields[3], PASSWD, name))
    if uid is None:
        raise NotFound(f"{place}: {PASSWD} of the image has no user {shown(who)}", hint="name another, or a number")
    return _Account("", uid, 0)


def _find_group(root: RootDirectory, group: str, place: str) -> int:
    for name, fields in _lines(root, GROUP):
        if name == group and len(fields) >= 3:
            return _id_in_file(fields[2], GROUP, name)
    raise NotFound(f"{place}: {GROUP} of the image has no group {shown(group)}", hint="name another, or a number")


def _groups_of(root: RootDirectory, user: str) -> list[int]:
    """The groups that list the user as a member, but for the one of the user's own name."""
    return [
        _id_in_file(fields[2], GROUP, name)
        for name, fields in _lines(root, GROUP)
        if len(fields) >= 4 and name != user and user in fields[3].split(",")
    ]


def _lines(root: RootDirectory, path: str) -> Iterator[tuple[str, list[str]]]:
    """The name and the fields of each entry; a missing file has none. NIS's `+` lines and comments are none."""
    data = root.read_file(path, max_bytes=FILE_MAX_BYTES)
    for line in (data or b"").decode("utf-8", "surrogateescape").split("\n"):
        fields = line.strip().split(":")
        if fields[0] and fields[0][0] not in "#+-":
            yield fields[0], fields


def _number(word: str, place: str) -> int | None:
    """The number that digits are; None for a name. What only looks like a number is an error."""
    digits = word.lstrip("+-")
    if not (digits.isascii() and digits.isdigit()):
        return None
    value = int(digits) if len(digits) <= _ID_MAX_DIGITS else ID_MAX + 1
    if digits != word or value > ID_MAX:
        raise InvalidArgument(f"{place}: {shown(word)} is out of range", hint=f"a number is from 0 to {ID_MAX}")
    return value


def _id_in_file(text: str, path: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _ID_MAX_DIGITS and int(text) <= ID_MAX):
        raise InvalidArgument(f"{path}: {shown(name)}: {shown(text)} is not a number from 0 to {ID_MAX}")
    return int(text)
