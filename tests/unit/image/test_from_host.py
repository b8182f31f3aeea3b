"""Images of the host's own files, and that they run."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.archive.tar_writer import TarWriter
from orlop.errors import InvalidArgument, NotFound
from orlop.image.from_host import gathered, image_from_host
from orlop.image.libraries import LibraryFinder
from orlop.image.new_image import NewConfig
from orlop.oci.image_config import ImageConfig
from orlop.oci.manifest import Manifest, parse_manifest
from orlop.oci.platform import Platform

from .elf_file import write_elf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.content.local import LocalContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest

AMD64 = Platform(os="linux", architecture="amd64")


def _blob(content: LocalContentStore, digest: Digest) -> bytes:
    with content.open(digest) as reader:
        return reader.read_at(0, reader.size)


def _parts(content: LocalContentStore, image: Descriptor) -> tuple[ImageConfig, bytes]:
    """The configuration and the layer."""
    manifest = parse_manifest(_blob(content, image.digest))
    assert isinstance(manifest, Manifest)
    (layer,) = manifest.layers
    return ImageConfig.parse(_blob(content, manifest.config.digest), layers=1), _blob(content, layer.digest)


def _names(paths: Sequence[str], finder: LibraryFinder | None = None) -> dict[str, tarfile.TarInfo]:
    out = io.BytesIO()
    tar = TarWriter(out.write)
    gathered(paths, finder).write(tar)
    tar.close()
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        return {f"/{one.name}": one for one in archive.getmembers()}


@pytest.mark.needs_root
def test_what_runs_here_runs_there(content: LocalContentStore, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env -S sh -e\nls /etc\nbash -c 'echo $0 ran' bash\n")
    script.chmod(0o755)
    image = image_from_host(content, [str(script), "ls", "bash"], AMD64)
    config, layer = _parts(content, image)
    assert config.config.cmd == (str(script),)
    assert config.platform == AMD64
    root = tmp_path / "root"
    root.mkdir()
    subprocess.run(["tar", "-xzf", "-", "-C", str(root)], input=layer, check=True, timeout=300)
    path = {"PATH": config.config.env[0].removeprefix("PATH=")}
    done = subprocess.run(
        ["chroot", str(root), *config.config.cmd],
        env=os.environ | path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout == "group\nnsswitch.conf\npasswd\nbash ran\n"


def test_the_same_files_give_the_same_image(content: LocalContentStore) -> None:
    assert image_from_host(content, ["sh"], AMD64) == image_from_host(content, ["sh"], AMD64)


def test_a_configuration_may_be_given(content: LocalContentStore) -> None:
    config, _ = _parts(content, image_from_host(content, ["sh"], AMD64, config=NewConfig(entrypoint=["/x"])))
    assert (config.config.entrypoint, config.config.cmd, config.config.env) == (("/x",), (), ())
    assert config.history[0].created_by == "orlop image from-host sh"


def test_links_into_usr_come_along() -> None:
    """/bin/sh is named everywhere, whether the shell was found there or in /usr/bin."""
    real = os.path.realpath("/bin/sh")
    found = _names([real])
    for link in ("/bin", "/lib64"):
        if Path(link).is_symlink() and os.path.realpath(link) in found:
            assert found[link].linkname == str(Path(link).readlink())
    assert ("/bin" in found) == (Path(real).parent == Path("/bin").resolve())


def test_every_program_finds_the_minimum() -> None:
    found = _names([])
    assert found["/tmp"].mode == 0o1777
    assert found["/etc/passwd"].size > 0
    assert {"/dev", "/proc", "/sys", "/root", "/var/tmp", "/etc/group"} <= set(found)


def test_the_hosts_own_file_takes_the_place_of_ours() -> None:
    assert _names(["/etc/passwd"])["/etc/passwd"].size == Path("/etc/passwd").stat().st_size


def test_programs_come_with_loader_libraries_and_links(tmp_path: Path) -> None:
    real = write_elf(tmp_path / "lib/a.so.1.2")
    (tmp_path / "lib/a.so.1").symlink_to("a.so.1.2")
    loader = write_elf(tmp_path / "ld.so")
    program = write_elf(tmp_path / "bin/p", needed=["a.so.1"], runpath="$ORIGIN/../lib", interpreter=loader)
    script = tmp_path / "script"
    script.write_text(f"#!{program} -x\n")
    found = _names([str(script)], LibraryFinder(ld_cache=tmp_path / "none"))
    assert {str(script), program, loader, real, str(tmp_path / "lib/a.so.1")} <= set(found)
    assert found[str(tmp_path / "lib/a.so.1")].linkname == "a.so.1.2"


def test_what_is_missing_is_told_with_who_wants_it(tmp_path: Path) -> None:
    program = write_elf(tmp_path / "p", needed=["no-such.so"])
    with pytest.raises(NotFound, match=f"{program}: needs no-such.so"):
        gathered([program])
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    with pytest.raises(NotFound, match=f"{tmp_path}/script: its interpreter /no/such/interpreter is not on this host"):
        gathered([str(tmp_path / "script")])


def test_a_directory_comes_whole_and_is_not_asked_for_more_than_there_is(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    outside = write_elf(tmp_path / "outside.so")
    write_elf(directory / "sub/plugin.so", needed=["no-such.so"])
    write_elf(directory / "good.so", needed=["outside.so"], runpath=str(tmp_path))
    (directory / "script").write_text("#!/no/such/interpreter\n")
    (directory / "dangling").symlink_to("nowhere")
    (directory / "to-file").symlink_to(tmp_path / "linked")
    (directory / "to-null").symlink_to("/dev/null")
    (directory / "to-proc").symlink_to("/proc/self/mounts")
    (tmp_path / "linked").write_text("x")
    os.mkfifo(directory / "fifo")
    found = _names([str(directory)], LibraryFinder(ld_cache=tmp_path / "none"))
    inside = {name.removeprefix(f"{directory}/") for name in found if name.startswith(f"{directory}/")}
    assert inside == {"sub", "sub/plugin.so", "good.so", "script", "dangling", "to-file", "to-null", "to-proc"}
    assert {outside, str(tmp_path / "linked")} <= set(found)
    assert found["/proc"].isdir()
    assert not [name for name in found if name.startswith("/proc/")]


def test_names_are_looked_up_as_a_shell_does(
    content: LocalContentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_elf(tmp_path / "program")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("program", "./program"):
        config, _ = _parts(content, image_from_host(content, [name], AMD64))
        assert config.config.cmd == (str(tmp_path / "program"),)
    with pytest.raises(NotFound, match="sh: is not in PATH; name the file by its path"):
        image_from_host(content, ["sh"], AMD64)


def test_nothing_is_no_image(content: LocalContentStore) -> None:
    with pytest.raises(InvalidArgument, match="no file is named"):
        image_from_host(content, [], AMD64)
    with pytest.raises(InvalidArgument, match="the name of a file is empty"):
        image_from_host(content, [""], AMD64)


def test_pythons_own_interpreter_is_gathered() -> None:
    assert str(Path(sys.executable).resolve()) in _names([sys.executable])
