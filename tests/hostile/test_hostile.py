"""Every archive of the table is refused for its reason, and nothing outside of the root is touched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument, PermissionDenied
from trees import same_fds

from .archives import HOSTILE, Hostile

if TYPE_CHECKING:
    from .conftest import Arena

pytestmark = pytest.mark.needs_root


def test_each_archive_has_its_own_name() -> None:
    assert len({one.name for one in HOSTILE}) == len(HOSTILE) >= 60


@pytest.mark.parametrize(
    ("one", "form"),
    [(one, form) for one in HOSTILE for form in one.forms],
    ids=lambda value: getattr(value, "name", value),
)
def test_it_is_refused(one: Hostile, form: str, arena: Arena) -> None:
    with same_fds(), pytest.raises((InvalidArgument, PermissionDenied), match=one.reason) as caught:
        arena.unpack(one.build(os.fsencode(arena.outside)), form=form, **one.options)
    message = str(caught.value)
    assert message.startswith(("layer: entry ", "layer: ", "cannot unpack: entry "))
    assert "\n" not in message
    assert len(message) < 700
    assert message.isprintable()
