"""While an archive is unpacked, a second process exchanges a directory of the root with a link out of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from e2e.exchange import exchanging
from orlop.errors import OrlopError
from tar_bytes import directory, file, hard_link, header, symlink
from trees import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Arena

pytestmark = pytest.mark.needs_root

_ROUNDS = 15
_ENTRIES = 30

ENTRIES: dict[str, Callable[[int], bytes]] = {
    "files": lambda n: file(b"d/f%d" % n, b"x"),
    "directories": lambda n: directory(b"d/n%d" % n, mode=0o777) + file(b"d/n%d/f" % n),
    "devices": lambda n: header(b"d/c%d" % n, b"3", device=(1, 3), uid=1),
    "links": lambda n: symlink(b"d/l%d" % n, b"x") + hard_link(b"d/h%d" % n, b"d/l%d" % n),
    "hard_links": lambda n: hard_link(b"h%d" % n, b"d/secret"),
    "whiteouts": lambda _: file(b"d/.wh.secret") + file(b"d/.wh.inner"),
    "opaque_marks": lambda _: file(b"d/.wh..wh..opq") + file(b"e"),
    "removals": lambda n: file(b"d/f%d" % n) + directory(b"d/f%d" % n) + file(b"d/f%d" % n),
}


@pytest.mark.parametrize("form", ["overlay", "applied"])
@pytest.mark.parametrize("kind", ENTRIES)
def test_an_exchanged_directory_leads_nowhere(kind: str, form: str, arena: Arena) -> None:
    real, link = arena.root / "d", arena.root / "link"
    archive = b"".join(ENTRIES[kind](n) for n in range(_ENTRIES))
    outside = describe(arena.outside, identities=True)
    real.mkdir()
    link.symlink_to(arena.outside)
    with exchanging(real, link):
        for _ in range(_ROUNDS):
            with contextlib.suppress(OrlopError):
                arena.unpack(archive, form=form)
            assert describe(arena.outside, identities=True) == outside


def test_a_directory_that_moves_up_takes_nobody_along(arena: Arena) -> None:
    """`..` of a link is never asked of the kernel: the parent of a moved directory may be outside of the root."""
    deep, high = arena.root / "a" / "b" / "c", arena.root / "x"
    deep.mkdir(parents=True)
    high.mkdir()
    (deep / "l").symlink_to("../../../../outside")
    (high / "l").symlink_to("../../../../outside")
    with exchanging(deep, high):
        for n in range(_ROUNDS):
            archive = b"".join(
                file(b"a/b/c/l/f%d" % one, b"x") + file(b"x/l/g%d" % one, b"x") for one in range(n % 9 + 1)
            )
            arena.unpack(archive)
    assert (arena.root / "outside" / "f0").exists()
