"""Archives that lead out of the root for a careless reader, and into it for us.

They are not refused, because images have such entries: absolute names, links to absolute paths with files behind them,
names that come twice, attributes that a runtime must not honour. Each says what becomes of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tar_bytes import GNU, directory, file, hard_link, header, long_name, pax, symlink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Neutralised:
    """`there` are paths beneath the root and what they are afterwards: content, "link TARGET", "directory" or None."""

    name: str
    build: Callable[[bytes], bytes]
    there: Callable[[str], dict[str, bytes | str | None]]
    forms: tuple[str, ...] = ("overlay", "applied")


def _plain(**there: bytes | str | None) -> Callable[[str], dict[str, bytes | str | None]]:
    return lambda _: {name.replace("__", "/"): value for name, value in there.items()}


def _behind(name: str) -> Callable[[str], dict[str, bytes | str | None]]:
    """`name` with content "x", at the outside's path beneath the root."""
    return lambda outside: {f"{outside}/{name}": b"x", f"{outside}/secret": None}


NEUTRALISED = [
    Neutralised("absolute", lambda outside: file(outside + b"/evil", b"x"), _behind("evil")),
    Neutralised("absolute_twice", lambda outside: file(b"//" + outside + b"//evil", b"x"), _behind("evil")),
    Neutralised("absolute_by_pax", lambda outside: pax((b"path", outside + b"/evil")) + file(b"a", b"x"), _behind("evil")),
    Neutralised(
        "absolute_by_long_name", lambda outside: long_name(outside + b"/evil") + file(b"a", b"x", magic=GNU), _behind("evil")
    ),
    Neutralised("dots", lambda _: file(b"./././/a/./b", b"x"), _plain(a__b=b"x")),
    Neutralised("through_a_link", lambda outside: symlink(b"a", outside) + file(b"a/evil", b"x"), _behind("evil")),
    Neutralised(
        "through_a_relative_link",
        lambda _: directory(b"d") + symlink(b"d/a", b"../../../../../e") + file(b"d/a/evil", b"x"),
        _plain(e__evil=b"x"),
    ),
    Neutralised(
        "through_a_chain",
        lambda outside: symlink(b"a", b"b") + symlink(b"b", b"c") + symlink(b"c", outside) + file(b"a/evil", b"x"),
        _behind("evil"),
    ),
    Neutralised(
        "through_links_of_links",
        lambda _: directory(b"d") + symlink(b"d/up", b"..") + symlink(b"r", b"d/up/d/up/d") + file(b"r/f", b"x"),
        _plain(d__f=b"x"),
    ),
    Neutralised(
        "a_directory_through_a_link",
        lambda outside: symlink(b"a", outside) + directory(b"a/inner", mode=0),
        lambda outside: {f"{outside}/inner": "directory"},
    ),
    Neutralised(
        "a_device_through_a_link",
        lambda outside: symlink(b"a", outside) + header(b"a/evil", b"3", device=(1, 3)),
        lambda outside: {f"{outside}/evil": "other"},
    ),
    Neutralised(
        "a_hard_link_through_a_link",
        lambda outside: file(b"b", b"x") + symlink(b"a", outside) + hard_link(b"a/evil", b"b"),
        _behind("evil"),
    ),
    Neutralised(
        "a_file_over_a_link", lambda outside: symlink(b"a", outside + b"/secret") + file(b"a", b"x"), _plain(a=b"x")
    ),
    Neutralised(
        "a_directory_over_a_link",
        lambda outside: symlink(b"a", outside) + directory(b"a/", mode=0o700) + file(b"a/f", b"x"),
        _plain(a__f=b"x"),
    ),
    Neutralised(
        "a_fifo_over_a_link",
        lambda outside: symlink(b"a", outside + b"/secret") + header(b"a", b"6", uid=7),
        _plain(a="other"),
    ),
    Neutralised(
        "a_directory_becomes_a_link",
        lambda outside: directory(b"a") + file(b"a/b", b"y") + symlink(b"a", outside) + file(b"a/evil", b"x"),
        _behind("evil"),
    ),
    Neutralised(
        "a_link_becomes_another",
        lambda outside: directory(b"d") + symlink(b"a", b"d") + file(b"a/f", b"x") + symlink(b"a", outside)
        + file(b"a/evil", b"x"),
        lambda outside: {"d/f": b"x", "d/evil": None, f"{outside}/evil": b"x"},
    ),
    Neutralised(
        "its_own_way_becomes_a_link",
        lambda outside: directory(b"a/b") + symlink(b"a/b/k", b"/") + symlink(b"a/b/k/a", outside) + file(b"a/b/f", b"x"),
        _behind("b/f"),
    ),
    Neutralised(
        "a_hard_link_to_a_link",
        lambda outside: symlink(b"s", outside + b"/secret") + hard_link(b"h", b"s") + file(b"h", b"x"),
        lambda outside: {"s": f"link {outside}/secret", "h": b"x"},
    ),
    Neutralised(
        "owner_and_time_of_a_hard_link_to_a_link",
        lambda outside: symlink(b"s", outside + b"/secret") + header(b"h", b"1", link=b"s", uid=7, mode=0o4777, mtime=1),
        lambda outside: {"h": f"link {outside}/secret"},
    ),
    Neutralised("a_whiteout_through_a_link", lambda outside: symlink(b"a", outside) + file(b"a/.wh.secret"), _plain(a="link")),
    Neutralised(
        "an_opaque_mark_through_a_link", lambda outside: symlink(b"a", outside) + file(b"a/.wh..wh..opq"), _plain(a="link")
    ),
    Neutralised(
        "a_whiteout_of_a_link",
        lambda outside: symlink(b"a", outside + b"/inner") + file(b".wh.a"),
        lambda outside: {"a": f"link {outside}/inner"},
    ),
    Neutralised(
        "an_opaque_mark_of_a_link_in_a_directory",
        lambda outside: symlink(b"d/a", outside + b"/inner") + file(b"d/.wh..wh..opq"),
        lambda outside: {"d/a": f"link {outside}/inner"},
    ),
    Neutralised(
        "a_link_that_a_hidden_directory_held",
        lambda outside: symlink(b"d/a", outside) + file(b"d", b"x"),
        _plain(d=b"x"),
    ),
    Neutralised("names_that_come_twice", lambda _: file(b"a", b"1") + directory(b"a") + file(b"a", b"x"), _plain(a=b"x")),
    Neutralised("names_of_aufs", lambda _: file(b".wh..wh.plnk/1", b"x") + file(b".wh..wh.aufs"), _plain(**{".wh..wh.plnk": None})),
    Neutralised("control_characters", lambda _: file(b"a\n\x1b[31m", b"x"), lambda _: {"a\n\x1b[31m": b"x"}),
]  # fmt: skip


def found(root: Path, relative: str) -> bytes | str | None:
    """What stands there now; no link is followed."""
    path = os.path.join(root, relative.lstrip("/"))  # noqa: PTH118 - the outside's absolute path, beneath the root
    if os.path.islink(path):  # noqa: PTH114
        return f"link {os.readlink(path)}"  # noqa: PTH115
    if not os.path.lexists(path):
        return None
    if os.path.isfile(path):  # noqa: PTH113
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    return "directory" if os.path.isdir(path) else "other"  # noqa: PTH112
