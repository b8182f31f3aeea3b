"""docs/orlop.md and docs/configuration.md are what the program says."""

from __future__ import annotations

from pathlib import Path

from docs.orlop_pages import commands_page, configuration_page
from orlop.cli.command_table import COMMANDS
from orlop.cli.settings import SETTINGS

_DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_of_commands_is_that_of_the_program() -> None:
    assert (_DOCS / "orlop.md").read_text() == commands_page(), "make -B docs/orlop.md"


def test_the_page_of_settings_is_that_of_the_program() -> None:
    assert (_DOCS / "configuration.md").read_text() == configuration_page(), "make -B docs/configuration.md"


def test_nothing_is_left_out() -> None:
    commands, configuration = commands_page(), configuration_page()
    for name in COMMANDS:
        assert f"\n## {' '.join(name)}" in commands
    for setting in SETTINGS:
        assert f"| `{setting.key}` |" in configuration
        assert f"{setting.flag} {setting.value}`" in commands or not setting.flag
