"""`orlop completion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.cli.completion import SHELLS

if TYPE_CHECKING:
    from .conftest import Orlop


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(orlop: Orlop, shell: str) -> None:
    text = orlop.out("completion", shell)
    assert f"Completion of orlop in {shell}." in text
    assert "/orlop" in text or "_orlop" in text


def test_another_shell_has_none(orlop: Orlop) -> None:
    assert orlop.error("completion", "csh").startswith("completion: argument shell: invalid choice: 'csh'")
