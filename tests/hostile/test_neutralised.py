"""What leads out of the root for a careless reader leads into it; attributes that are not the image's are dropped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tar_bytes import directory, file, pax, symlink
from trees import describe, same_fds

from .neutralised import NEUTRALISED, Neutralised, found

if TYPE_CHECKING:
    from .conftest import Arena

pytestmark = pytest.mark.needs_root


@pytest.mark.parametrize(
    ("one", "form"),
    [(one, form) for one in NEUTRALISED for form in one.forms],
    ids=lambda value: getattr(value, "name", value),
)
def test_it_stays_inside(one: Neutralised, form: str, arena: Arena) -> None:
    outside = str(arena.outside)
    with same_fds():
        arena.unpack(one.build(os.fsencode(outside)), form=form)
    for relative, wanted in one.there(outside).items():
        is_any_link = wanted == "link"
        there = found(arena.root, relative)
        assert (isinstance(there, str) and there.startswith("link ")) if is_any_link else there == wanted, relative


@pytest.mark.parametrize(
    "name",
    [
        "trusted.overlay.opaque",
        "trusted.overlay.redirect",
        "trusted.overlay.metacopy",
        "trusted.anything",
        "user.overlay.opaque",
        "user.overlay.redirect",
        "security.selinux",
        "security.evm",
        "system.nfs4_acl",
        "made.up",
    ],
)
def test_an_attribute_that_is_not_the_images_is_dropped(name: str, arena: Arena) -> None:
    attribute = pax((b"SCHILY.xattr." + name.encode(), b"y"))
    stats = arena.unpack(attribute + file(b"f") + attribute + directory(b"d") + attribute + symlink(b"l", b"d"))
    assert stats.dropped_xattrs == {name.encode(): 3}
    assert [node["xattrs"] for node in describe(arena.root).values()] == [{}] * 4


def test_an_image_cannot_change_the_root_of_the_file_system_by_its_own_root(arena: Arena) -> None:
    before = describe(arena.root.parent)["."]
    arena.unpack(directory(b"./", mode=0o711, uid=3))
    assert describe(arena.root)["."] | {"mode": "0o711", "owner": (3, 0)} == describe(arena.root)["."]
    assert describe(arena.root.parent)["."] == before
