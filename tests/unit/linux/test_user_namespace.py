"""User namespaces, told by their maps of ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.linux.user_namespace import is_in_user_namespace

if TYPE_CHECKING:
    from pathlib import Path


def test_a_user_namespace_is_known_by_its_map(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("         0          0 4294967295\n")
    (tmp_path / "other").write_text("         0     100000      65536\n")
    assert not is_in_user_namespace(tmp_path / "first")
    assert is_in_user_namespace(tmp_path / "other")
    assert not is_in_user_namespace(tmp_path / "no")
