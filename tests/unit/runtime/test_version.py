"""The version, as runc's callers parse it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop import __version__
from orlop.errors import Unavailable
from orlop.linux import seccomp
from orlop.oci.config import OCI_VERSION
from orlop.runtime.version import seccomp_version, version_text

if TYPE_CHECKING:
    import pytest


def test_the_first_lines_are_those_of_runc() -> None:
    lines = version_text().splitlines()
    assert lines[:2] == [f"orun version {__version__}", f"spec: {OCI_VERSION}"]
    assert version_text().endswith("\n")


def test_libseccomp_is_named_when_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "library_version", lambda: "2.5.4")
    assert version_text().splitlines()[2:] == ["libseccomp: 2.5.4"]


def test_libseccomp_is_not_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise Unavailable("libseccomp.so.2 is not installed")

    monkeypatch.setattr(seccomp, "library_version", missing)
    assert seccomp_version() == ""
    assert len(version_text().splitlines()) == 2
