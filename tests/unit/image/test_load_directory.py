"""Layouts in directories."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orlop.content.local import LocalContentStore
from orlop.errors import FailedPrecondition, InvalidArgument, KernelError, NotFound
from orlop.image.documents import choose
from orlop.image.load_directory import load_directory
from orlop.image.outlet import DirectoryOutlet
from orlop.image.save import save_layout
from orlop.oci.digest import Digest
from orlop.oci.manifest import parse_manifest

from .images import AMD64, ARM64, NAME, image_of, index_of, read_blob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.oci.descriptor import Descriptor


@pytest.fixture
def source(tmp_path: Path) -> Iterator[LocalContentStore]:
    """The store from which layouts are saved."""
    with LocalContentStore(tmp_path / "source") as store:
        yield store


def _saved(source: LocalContentStore, target: Descriptor, root: Path) -> Path:
    save_layout(source, [(NAME, target)], DirectoryOutlet(root), host=AMD64)
    return root


def _layer(source: LocalContentStore, image: Descriptor) -> Digest:
    return parse_manifest(read_blob(source, image.digest)).children[1].digest


def test_a_layout_comes_back_as_it_was(content: LocalContentStore, source: LocalContentStore, tmp_path: Path) -> None:
    image = image_of(source)
    (found,) = load_directory(content, _saved(source, image, tmp_path / "layout"))
    assert (found.name, found.target) == (NAME, image)
    assert choose(content, found.target, AMD64, name=NAME).config.config.cmd == ("/bin/sh",)
    assert {blob.digest for blob in content.walk()} == {blob.digest for blob in source.walk()}
    assert list(content.ingests()) == []
    assert load_directory(content, tmp_path / "layout") == [found]


def test_an_index_comes_with_what_there_is(
    content: LocalContentStore, source: LocalContentStore, tmp_path: Path
) -> None:
    one, other = image_of(source), image_of(source, "arm", ARM64)
    index = index_of(source, one, replace(one, digest=Digest.of(b"absent")), other)
    root = _saved(source, index, tmp_path / "layout")
    (root / "blobs" / "sha256" / _layer(source, other).encoded).unlink()
    (found,) = load_directory(content, root)
    assert content.info(found.target.digest).labels == {"containerd.io/gc.ref.content.m.0": str(one.digest)}
    assert list(content.ingests()) == []


def test_a_copy_that_was_cut_off_goes_on(content: LocalContentStore, source: LocalContentStore, tmp_path: Path) -> None:
    image = image_of(source)
    layer = _layer(source, image)
    with content.begin(f"load-{layer}", expected=layer) as ingest:
        ingest.write(read_blob(source, layer)[:40])
    load_directory(content, _saved(source, image, tmp_path / "layout"))
    assert read_blob(content, layer) == read_blob(source, layer)


def test_what_the_store_has_need_not_be_in_the_layout(
    content: LocalContentStore, source: LocalContentStore, tmp_path: Path
) -> None:
    root = _saved(source, image_of(source), tmp_path / "layout")
    load_directory(content, root)
    for blob in (root / "blobs" / "sha256").iterdir():
        blob.unlink()
    assert [one.name for one in load_directory(content, root)] == [NAME]


@pytest.mark.parametrize("change", ["shorter", "longer", "other", "link", "fifo", "missing", "directory"])
def test_a_blob_that_is_not_what_its_name_says_is_refused(
    content: LocalContentStore, source: LocalContentStore, tmp_path: Path, change: str
) -> None:
    image = image_of(source)
    layer = _layer(source, image)
    path = _saved(source, image, tmp_path / "layout") / "blobs" / "sha256" / layer.encoded
    data = path.read_bytes()
    path.unlink()
    if change in ("shorter", "longer", "other"):
        path.write_bytes({"shorter": data[:-1], "longer": data + b"x" * (3 << 20), "other": b"x" + data[1:]}[change])
    elif change == "link":
        (tmp_path / "elsewhere").write_bytes(data)
        path.symlink_to(tmp_path / "elsewhere")
    elif change == "fifo":
        os.mkfifo(path)
    elif change == "directory":
        path.mkdir()
    with pytest.raises((FailedPrecondition, NotFound, KernelError), match=layer.encoded):
        load_directory(content, tmp_path / "layout")
    assert layer not in {blob.digest for blob in content.walk()}


def test_a_directory_of_blobs_that_is_a_link_is_not_followed(
    content: LocalContentStore, source: LocalContentStore, tmp_path: Path
) -> None:
    root = _saved(source, image_of(source), tmp_path / "layout")
    (root / "blobs" / "sha256").rename(tmp_path / "elsewhere")
    (root / "blobs" / "sha256").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotFound, match="is neither in the archive nor in the store"):
        load_directory(content, root)


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_what_is_no_layout_is_told(
    content: LocalContentStore, source: LocalContentStore, tmp_path: Path, name: str
) -> None:
    root = _saved(source, image_of(source), tmp_path / "layout")
    (root / name).unlink()
    with pytest.raises(InvalidArgument, match=f"{root}: is no OCI image layout: it has no {name}"):
        load_directory(content, root)
    (root / name).write_bytes(b" " * (5 << 20))
    with pytest.raises(InvalidArgument, match=f"{name}: .* bytes are more than"):
        load_directory(content, root)


def test_what_cannot_be_read_is_told(content: LocalContentStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=f"{tmp_path}/none: there is no such directory"):
        load_directory(content, tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(KernelError, match=f"cannot load {tmp_path}/file: read .*ENOTDIR"):
        load_directory(content, tmp_path / "file")
