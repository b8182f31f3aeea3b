"""Libraries found as ld.so(8) finds them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orlop.errors import NotFound
from orlop.image.libraries import LibraryFinder, elf_of

from .elf_file import HOST_MACHINE, write_elf
from .test_ld_cache import cache

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def finder(tmp_path: Path) -> LibraryFinder:
    """One that has no cache."""
    return LibraryFinder(ld_cache=tmp_path / "none", configuration=tmp_path)


def _cached(tmp_path: Path, *libraries: tuple[str, str]) -> LibraryFinder:
    (tmp_path / "cache").write_bytes(cache(list(libraries)))
    return LibraryFinder(ld_cache=tmp_path / "cache", configuration=tmp_path)


def test_libraries_of_libraries_are_found_once(tmp_path: Path, finder: LibraryFinder) -> None:
    directory = str(tmp_path / "lib")
    loader = write_elf(tmp_path / "ld.so")
    a = write_elf(tmp_path / "lib/a.so", needed=["c.so", "b.so"], runpath=directory)
    b = write_elf(tmp_path / "lib/b.so", needed=["a.so", "ld.so"], runpath=directory)
    c = write_elf(tmp_path / "lib/c.so")
    program = write_elf(tmp_path / "p", needed=["a.so", "b.so"], runpath=directory, interpreter=loader)
    assert finder.needed_by(program) == [loader, a, b, c]


def test_origin_is_where_the_object_is_and_links_are_resolved(tmp_path: Path, finder: LibraryFinder) -> None:
    library = write_elf(tmp_path / "real/lib/a.so")
    write_elf(tmp_path / "real/bin/p", needed=["a.so"], runpath="${ORIGIN}/../lib")
    (tmp_path / "link").symlink_to("real/bin/p")
    (found,) = finder.needed_by(str(tmp_path / "link"))
    assert (tmp_path / found).samefile(library)


def test_lib_is_one_of_the_hosts_library_directories(tmp_path: Path, finder: LibraryFinder) -> None:
    library = write_elf(tmp_path / "lib64/a.so")
    program = write_elf(tmp_path / "p", needed=["a.so"], rpath=f"{tmp_path}/$LIB")
    assert finder.needed_by(program) == [library]


def test_rpath_counts_for_what_is_loaded_further_down_and_runpath_does_not(
    tmp_path: Path, finder: LibraryFinder
) -> None:
    directory = str(tmp_path / "lib")
    a = write_elf(tmp_path / "lib/a.so", needed=["b.so"])
    b = write_elf(tmp_path / "lib/b.so")
    by_rpath = write_elf(tmp_path / "by-rpath", needed=["a.so"], rpath=directory)
    by_runpath = write_elf(tmp_path / "by-runpath", needed=["a.so"], runpath=directory)
    assert finder.needed_by(by_rpath) == [a, b]
    with pytest.raises(NotFound, match=f"{a}: needs b.so, which is not on this host; install it"):
        finder.needed_by(by_runpath)


def test_rpath_is_nothing_beside_runpath(tmp_path: Path, finder: LibraryFinder) -> None:
    write_elf(tmp_path / "old/a.so")
    program = write_elf(tmp_path / "p", needed=["a.so"], rpath=str(tmp_path / "old"), runpath=str(tmp_path / "new"))
    with pytest.raises(NotFound):
        finder.needed_by(program)
    library = write_elf(tmp_path / "new/a.so")
    assert LibraryFinder(ld_cache=tmp_path / "none").needed_by(program) == [library]


def test_a_library_of_another_machine_is_passed_over(tmp_path: Path) -> None:
    other = write_elf(tmp_path / "other/a.so", machine=HOST_MACHINE + 1)
    narrow = write_elf(tmp_path / "narrow/a.so", is_64=False)
    right = write_elf(tmp_path / "right/a.so")
    (tmp_path / "text").write_text("no library")
    program = write_elf(tmp_path / "p", needed=["a.so"])
    finder = _cached(
        tmp_path,
        ("a.so", other),
        ("a.so", narrow),
        ("a.so", str(tmp_path / "text")),
        ("a.so", str(tmp_path)),
        ("a.so", right),
    )
    assert finder.needed_by(program) == [right]


def test_a_name_with_a_slash_is_a_path(tmp_path: Path, finder: LibraryFinder) -> None:
    library = write_elf(tmp_path / "a.so")
    assert finder.needed_by(write_elf(tmp_path / "p", needed=[library])) == [library]


def test_a_missing_loader_is_named(tmp_path: Path, finder: LibraryFinder) -> None:
    program = write_elf(tmp_path / "p", interpreter="/no/ld.so")
    with pytest.raises(NotFound, match=f"{program}: its loader /no/ld.so is not on this host"):
        finder.needed_by(program)


def test_musl_has_directories_and_no_cache(tmp_path: Path) -> None:
    loader = write_elf(tmp_path / "lib/ld-musl-x86_64.so.1")
    glibc = write_elf(tmp_path / "glibc/a.so")
    library = write_elf(tmp_path / "musl/a.so")
    (tmp_path / "ld-musl-x86_64.path").write_text(f"/nowhere\n{tmp_path}/musl:/elsewhere\n")
    program = write_elf(tmp_path / "p", needed=["a.so", "libc.musl-x86_64.so.1"], interpreter=loader)
    assert _cached(tmp_path, ("a.so", glibc)).needed_by(program) == [loader, library]


def test_what_is_no_program_needs_nothing(tmp_path: Path, finder: LibraryFinder) -> None:
    (tmp_path / "text").write_text("text")
    assert finder.needed_by(str(tmp_path / "text")) == []
    assert finder.needed_by(str(tmp_path)) == []
    assert elf_of(str(tmp_path / "none")) is None


@pytest.mark.needs_peer("ldd")
@pytest.mark.parametrize("name", ["sh", "bash", "tar", "python3", "openssl", "git", "podman"])
def test_it_finds_what_ldd_finds(name: str) -> None:
    program = shutil.which(name) or sys.executable
    shown = subprocess.run(["ldd", program], check=False, capture_output=True, text=True, timeout=300).stdout
    places = [line.rpartition("=>")[2].partition("(")[0].strip() for line in shown.splitlines()]
    assert sorted(LibraryFinder().needed_by(program)) == sorted(place for place in places if place.startswith("/"))
