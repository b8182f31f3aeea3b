"""A configuration that the command line names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import NotFound
from orlop.runtime.config_source import ConfigSource

if TYPE_CHECKING:
    from pathlib import Path


def test_a_directory_is_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")
    source = ConfigSource(str(tmp_path))
    assert (source.path, source.bundle) == (f"{tmp_path}/config.json", str(tmp_path))
    assert source.read() == b"{}"


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    path.write_bytes(b"{1}")
    source = ConfigSource(str(path))
    assert (source.path, source.bundle) == (str(path), str(tmp_path))
    assert source.read() == b"{1}"


@pytest.mark.parametrize("name", ["none", "file/none"])
def test_what_does_not_exist_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotFound) as caught:
        ConfigSource(f"{tmp_path}/{name}")
    assert str(caught.value) == (f"{tmp_path}/{name} does not exist; name a config.json, or the directory of a bundle")


def test_a_directory_without_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        ConfigSource(str(tmp_path)).read()
    assert str(caught.value).startswith(f"{tmp_path}/config.json does not exist")
