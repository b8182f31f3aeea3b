"""The bundle of a verb's modules: used while it is current, and only when it is ours."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from orlop.runtime import module_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `sample` with a module that imports another; the cache is below tmp_path."""
    directory = tmp_path / "root" / "sample"
    directory.mkdir(parents=True)
    (directory / "__init__.py").write_text("", encoding="ascii")
    (directory / "first.py").write_text("from sample.second import VALUE\n\nDOUBLE = VALUE * 2\n", encoding="ascii")
    (directory / "second.py").write_text("VALUE = 21\n", encoding="ascii")
    monkeypatch.setattr(module_bundle, "_DIRECTORY", str(tmp_path / "state" / ".cache"))
    monkeypatch.setattr(module_bundle, "_PACKAGE", "sample")
    monkeypatch.syspath_prepend(str(tmp_path / "root"))
    __import__("sample.first")
    module_bundle.store("run", str(tmp_path / "root"))
    _forget()
    yield directory
    _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "sample"]:
        del sys.modules[name]


def _bundle(package: Path) -> Path:
    (found,) = (package.parent.parent / "state" / ".cache").iterdir()
    return found


def test_the_modules_come_back_in_an_order_that_works(package: Path) -> None:
    assert module_bundle.load("run", str(package.parent))
    assert sys.modules["sample.first"].DOUBLE == 42
    assert sys.modules["sample"].first is sys.modules["sample.first"]
    assert sys.modules["sample.first"].__file__ == str(package / "first.py")


def test_a_changed_source_is_imported_anew(package: Path) -> None:
    (package / "second.py").write_text("VALUE = 4\n", encoding="ascii")
    assert not module_bundle.load("run", str(package.parent))
    assert "sample.first" not in sys.modules


def test_a_source_that_is_gone_makes_it_stale(package: Path) -> None:
    (package / "second.py").unlink()
    assert not module_bundle.load("run", str(package.parent))


def test_another_verb_or_installation_has_a_bundle_of_its_own(package: Path) -> None:
    assert not module_bundle.load("exec", str(package.parent))
    assert not module_bundle.load("run", "/elsewhere")


def test_the_cache_is_private(package: Path) -> None:
    assert _bundle(package).stat().st_mode & 0o777 == 0o600
    assert _bundle(package).parent.stat().st_mode & 0o777 == 0o700


def test_what_others_could_have_written_is_not_executed(package: Path) -> None:
    _bundle(package).chmod(0o620)
    assert not module_bundle.load("run", str(package.parent))


def test_a_link_is_not_followed(package: Path) -> None:
    bundle = _bundle(package)
    bundle.rename(bundle.with_name("moved"))
    bundle.symlink_to("moved")
    assert not module_bundle.load("run", str(package.parent))


@pytest.mark.parametrize("data", [b"", b"\0", b"nonsense", b"N"])
def test_a_torn_bundle_is_ignored(package: Path, data: bytes) -> None:
    _bundle(package).write_bytes(data)
    assert not module_bundle.load("run", str(package.parent))


def test_a_cache_that_cannot_be_written_is_no_error(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_bundle, "_DIRECTORY", os.devnull + "/x/y")
    module_bundle.store("run", str(package.parent))


def test_a_module_that_is_loaded_already_is_left_alone(package: Path) -> None:
    __import__("sample.second")
    before = sys.modules["sample.second"]
    before.VALUE = 1  # type: ignore[attr-defined]
    assert module_bundle.load("run", str(package.parent))
    assert sys.modules["sample.second"] is before
    assert sys.modules["sample.first"].DOUBLE == 2


def test_modules_of_others_are_neither_stored_nor_loaded(package: Path) -> None:
    before = set(sys.modules)
    assert module_bundle.load("run", str(package.parent))
    assert set(sys.modules) - before == {"sample", "sample.first", "sample.second"}


def test_a_module_that_is_loaded_looks_as_if_it_were_imported(package: Path) -> None:
    assert module_bundle.load("run", str(package.parent))
    top, first = sys.modules["sample"], sys.modules["sample.first"]
    assert first.__file__ == str(package / "first.py")
    assert (top.__package__, first.__package__) == ("sample", "sample")
    assert list(top.__path__) == [str(package)]
    assert top.first is first
