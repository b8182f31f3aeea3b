"""ld.so.cache in glibc's two forms."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from orlop.image.ld_cache import read_ld_cache


def cache(libraries: list[tuple[str, str]], *, is_behind_old: bool = False) -> bytes:
    """A cache of these names and paths."""
    entries, strings = b"", b""
    start = 48 + 24 * len(libraries)
    for name, path in libraries:
        name_at = start + len(strings)
        strings += name.encode() + b"\0"
        entries += struct.pack("=iIIIQ", 0x0303, name_at, start + len(strings), 0, 0)
        strings += path.encode() + b"\0"
    data = struct.pack("=20sII20s", b"glibc-ld.so.cache1.1", len(libraries), len(strings), b"") + entries + strings
    if is_behind_old:
        old = struct.pack("=12sI", b"ld.so-1.7.0\0", 2) + bytes(24)
        return old + bytes(-len(old) % 8) + data
    return data


@pytest.mark.parametrize("is_behind_old", [False, True])
def test_libraries_are_found_by_name(tmp_path: Path, is_behind_old: bool) -> None:
    path = tmp_path / "cache"
    path.write_bytes(
        cache(
            [("liba.so.1", "/x/liba.so.1"), ("liba.so.1", "/y/liba.so.1"), ("libb.so", "/b")],
            is_behind_old=is_behind_old,
        )
    )
    assert read_ld_cache(path) == {"liba.so.1": ["/x/liba.so.1", "/y/liba.so.1"], "libb.so": ["/b"]}


@pytest.mark.parametrize(
    "data", [b"", b"other", cache([("a", "/a")])[:60], cache([("a", "/a")])[:-4], b"ld.so-1.7.0\0" + b"\xff" * 99]
)
def test_a_damaged_cache_is_empty(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "cache").write_bytes(data)
    assert read_ld_cache(tmp_path / "cache") == {}


def test_no_cache_is_empty(tmp_path: Path) -> None:
    assert read_ld_cache(tmp_path / "none") == {}


@pytest.mark.needs_peer("ldconfig")
def test_the_hosts_cache_is_what_ldconfig_shows() -> None:
    ldconfig = shutil.which("ldconfig")
    assert ldconfig is not None
    shown = subprocess.run([ldconfig, "-p"], check=True, capture_output=True, text=True, timeout=300).stdout
    wanted: dict[str, list[str]] = {}
    for line in shown.splitlines()[1:]:
        name, arrow, path = line.strip().partition(" => ")
        if arrow:
            wanted.setdefault(name.split(" ")[0], []).append(path)
    assert read_ld_cache(Path("/etc/ld.so.cache")) == wanted
