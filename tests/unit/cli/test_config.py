"""`orlop config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.settings import SETTINGS, example

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop


def test_it_prints_the_file_with_the_defaults(orlop: Orlop) -> None:
    assert orlop.out("config") == example() + "\n"


def test_json_has_the_values_that_count(orlop: Orlop, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[pull]\nmax_concurrent_layers = 7\n")
    found = orlop("--config", str(file), "-n", "mine", "--format", "json", "config").json
    assert set(found) == {setting.key for setting in SETTINGS}
    assert (found["pull.max_concurrent_layers"], found["namespace"], found["root"]) == (7, "mine", str(orlop.root))
