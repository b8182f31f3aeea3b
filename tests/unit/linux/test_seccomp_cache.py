"""The cache of compiled filters."""

from __future__ import annotations

import os
import posix
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orlop.linux import seccomp, seccomp_cache
from orlop.linux.seccomp_cache import compiled_filter

_SECTION: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}],
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the cache goes; not there yet."""
    return tmp_path / "cache" / "seccomp"


def _file(directory: Path) -> Path:
    (only,) = directory.iterdir()
    return only


def test_the_second_time_nothing_is_compiled(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compiled_filter(_SECTION, str(directory))
    assert first == (seccomp.compile_filter(_SECTION), 2)
    monkeypatch.setattr(seccomp, "compile_filter", None)
    assert compiled_filter(_SECTION, str(directory)) == first


def test_from_the_cache_libseccomp_and_ctypes_are_not_loaded(directory: Path) -> None:
    compiled_filter(_SECTION, str(directory))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from orlop.linux.seccomp_cache import compiled_filter\n"
        f"compiled_filter({_SECTION!r}, sys.argv[2])\n"
        "print(sorted({'ctypes', 'os', 'json', 'hashlib'} & set(sys.modules)))\n"
    )
    source = Path(seccomp.__file__).parents[2]
    command = [sys.executable, "-I", "-S", "-c", code, str(source), str(directory)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "change",
    [
        {"defaultAction": "SCMP_ACT_LOG"},
        {"flags": []},
        {"syscalls": [{"names": ["mkdirat"], "action": "SCMP_ACT_ERRNO"}]},
    ],
)
def test_another_section_has_another_file(directory: Path, change: dict[str, Any]) -> None:
    compiled_filter(_SECTION, str(directory))
    compiled_filter({**_SECTION, **change}, str(directory))
    assert len(list(directory.iterdir())) == 2


def test_another_libseccomp_has_another_file(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled_filter(_SECTION, str(directory))
    monkeypatch.setattr(seccomp_cache, "_library_file", lambda _machine: "libseccomp.so.2.9.9")
    compiled_filter(_SECTION, str(directory))
    assert len(list(directory.iterdir())) == 2


def test_the_installed_library_is_known_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sparc-linux-gnu").mkdir()
    (tmp_path / "sparc-linux-gnu" / "libseccomp.so.2").symlink_to("libseccomp.so.2.5.4")
    monkeypatch.setattr(seccomp_cache, "_LIBRARY_DIRECTORIES", ("/nowhere", f"{tmp_path}/{{machine}}-linux-gnu"))
    assert seccomp_cache._library_file("sparc") == "libseccomp.so.2.5.4"
    assert seccomp_cache._library_file("m68k") == ""


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "long"])
def test_a_damaged_file_is_compiled_anew_and_replaced(directory: Path, damage: str) -> None:
    expected = compiled_filter(_SECTION, str(directory))
    file = _file(directory)
    good = file.read_bytes()
    bad = {"cut": good[:-8], "changed": good[:-1] + bytes([good[-1] ^ 1]), "empty": b"", "long": good + bytes(8)}[
        damage
    ]
    file.write_bytes(bad)
    assert compiled_filter(_SECTION, str(directory)) == expected
    assert file.read_bytes() == good


def test_a_link_in_the_cache_is_not_followed(directory: Path, tmp_path: Path) -> None:
    compiled_filter(_SECTION, str(directory))
    file = _file(directory)
    moved = file.rename(tmp_path / "elsewhere")
    file.symlink_to(moved)
    compiled_filter(_SECTION, str(directory))
    assert not file.is_symlink()


def test_a_file_of_another_user_is_not_used(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled_filter(_SECTION, str(directory))
    calls = []
    compile_filter = seccomp.compile_filter

    def counted(section: dict[str, Any]) -> bytes:
        calls.append(section)
        return compile_filter(section)

    monkeypatch.setattr(seccomp, "compile_filter", counted)
    compiled_filter(_SECTION, str(directory))
    assert calls == []
    monkeypatch.setattr(posix, "geteuid", lambda: os.getuid() + 1)
    compiled_filter(_SECTION, str(directory))
    assert calls == [_SECTION]


def test_only_the_owner_can_write_there_and_nothing_else_stays(directory: Path) -> None:
    compiled_filter(_SECTION, str(directory))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(_file(directory).stat().st_mode) == 0o600


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert compiled_filter(_SECTION, f"{tmp_path}/file/cache") == (seccomp.compile_filter(_SECTION), 2)


def test_nothing_is_written_that_is_not_to_be_kept(tmp_path: Path) -> None:
    expected = (seccomp.compile_filter(_SECTION), 2)
    assert compiled_filter(_SECTION, f"{tmp_path}/cache", keep=False) == expected
    assert list(tmp_path.iterdir()) == []
