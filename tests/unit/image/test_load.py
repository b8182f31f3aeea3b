"""Archives that are loaded, whatever saved them, and those that must not be."""

from __future__ import annotations

import gzip
import io
import json
import re
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import zstandard

import tar_bytes
from orlop.archive.contract import Entry, EntryType, Limits
from orlop.archive.tar_writer import TarWriter
from orlop.content.check import check
from orlop.content.local import LocalContentStore
from orlop.errors import FailedPrecondition, InvalidArgument, NotFound
from orlop.image.documents import choose
from orlop.image.load import load
from orlop.image.outlet import TarOutlet
from orlop.image.save import save_docker_archive, save_layout
from orlop.oci.digest import Digest
from orlop.oci.manifest import parse_manifest

from .images import AMD64, ARM64, NAME, files_of, image_of, index_of, read_blob, tar_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.image.loaded import LoadedImage

LAYOUT = b'{"imageLayoutVersion": "1.0.0"}'


@pytest.fixture
def source(tmp_path: Path) -> Iterator[LocalContentStore]:
    """The store from which archives are saved."""
    with LocalContentStore(tmp_path / "source") as store:
        yield store


def _load(
    content: LocalContentStore, data: bytes, *, limits: Limits | None = None, base_name: str = ""
) -> list[LoadedImage]:
    read = io.BytesIO(data).read
    if limits:
        return load(content, read, base_name=base_name, limits=limits)
    return load(content, read, base_name=base_name)


def _layout_of(source: LocalContentStore, *, with_index: bool = False) -> bytes:
    out = io.BytesIO()
    image = image_of(source)
    target = index_of(source, image, image_of(source, "arm", ARM64)) if with_index else image
    save_layout(source, [(NAME, target)], TarOutlet(out.write), host=AMD64)
    return out.getvalue()


def _docker_of(source: LocalContentStore, name: str = NAME) -> bytes:
    out = io.BytesIO()
    save_docker_archive(source, [(name, image_of(source))], TarOutlet(out.write), platform=AMD64)
    return out.getvalue()


def _whole(content: LocalContentStore, images: list[LoadedImage], source: LocalContentStore) -> None:
    """Everything is there, and holds what it refers to."""
    for image in images:
        found = choose(content, image.target, AMD64, name=image.name)
        assert len(content.info(found.descriptor.digest).labels) >= 3
        for blob in found.manifest.children:
            assert content.info(blob.digest).size == blob.size
    assert list(content.ingests()) == []
    assert list(check(content)) == []
    assert list(check(source)) == []


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("with_index", [False, True])
def test_a_layout_comes_back_as_it_was(
    content: LocalContentStore, source: LocalContentStore, compress: object, with_index: bool
) -> None:
    data = _layout_of(source, with_index=with_index)
    assert callable(compress)
    (image,) = _load(content, compress(data))
    assert image.name == NAME
    for blob in source.walk():
        if blob.size > 0 and f"blobs/sha256/{blob.digest.encoded}" in files_of(data):
            assert read_blob(content, blob.digest) == read_blob(source, blob.digest)
    _whole(content, [image], source)


def test_a_docker_archive_gets_a_manifest(content: LocalContentStore, source: LocalContentStore) -> None:
    (image,) = _load(content, _docker_of(source))
    assert image.name == NAME
    assert image.target.media_type == "application/vnd.docker.distribution.manifest.v2+json"
    assert image.target.platform == {"architecture": "amd64", "os": "linux"}
    found = choose(content, image.target, AMD64, name=NAME)
    assert [layer.descriptor.digest for layer in found.layers] == [layer.diff_id for layer in found.layers]
    assert found.config.config.cmd == ("/bin/sh",)
    _whole(content, [image], source)
    assert _load(content, _docker_of(source)) == [image], "again gives the same"


def test_an_image_without_a_name_is_loaded_without(content: LocalContentStore, source: LocalContentStore) -> None:
    (image,) = _load(content, _docker_of(source, ""))
    assert image.name == ""
    out = io.BytesIO()
    save_layout(content, [("", image.target)], TarOutlet(out.write), host=AMD64)
    assert [one.name for one in _load(source, out.getvalue())] == [""]


def test_documents_may_stand_anywhere(content: LocalContentStore, source: LocalContentStore) -> None:
    for data in (_layout_of(source), _docker_of(source)):
        files = files_of(data)
        for order in (sorted(files), sorted(files, reverse=True)):
            assert [one.name for one in _load(content, tar_of([(name, files[name]) for name in order]))] == [NAME]


def test_paths_may_begin_with_a_dot(content: LocalContentStore, source: LocalContentStore) -> None:
    for data in (_layout_of(source), _docker_of(source)):
        files = {f"./{name}": text for name, text in files_of(data).items()}
        assert [one.name for one in _load(content, tar_of(files))] == [NAME]


def test_compressed_layers_of_a_docker_archive_stay_compressed(
    content: LocalContentStore, source: LocalContentStore
) -> None:
    files = files_of(_docker_of(source))
    packed = {name: gzip.compress(data) if name.endswith(".tar") else data for name, data in files.items()}
    (image,) = _load(content, tar_of(packed))
    found = choose(content, image.target, AMD64, name=NAME)
    assert [layer.compression for layer in found.layers] == ["gzip", "gzip"]


def _with_links(files: dict[str, bytes], links: dict[str, tuple[EntryType, str]]) -> bytes:
    out = io.BytesIO(tar_of(files)[:-1024])
    out.seek(0, io.SEEK_END)
    tar = TarWriter(out.write)
    for path, (kind, target) in links.items():
        tar.add(Entry(path=path.encode(), type=kind, mode=0o777, uid=0, gid=0, link_target=target.encode()))
    tar.close()
    return out.getvalue()


def test_layers_may_be_links_within_the_archive(content: LocalContentStore, source: LocalContentStore) -> None:
    """As docker before 25 and podman write layers that several images have."""
    files = files_of(_docker_of(source))
    (document,) = json.loads(files.pop("manifest.json"))
    first, second = document["Layers"]
    document["Layers"] = ["aaa/layer.tar", "bbb/layer.tar"]
    links = {
        "aaa/layer.tar": (EntryType.SYMLINK, f"../{first}"),
        "ccc/layer.tar": (EntryType.SYMLINK, f"./../{second}"),
        "bbb/layer.tar": (EntryType.HARD_LINK, "ccc/layer.tar"),
    }
    files["manifest.json"] = json.dumps([document]).encode()
    (image,) = _load(content, _with_links(files, links))
    _whole(content, [image], source)


@pytest.mark.parametrize("target", ["../../etc/passwd", "/etc/passwd", "layer", "none"])
def test_a_link_leads_to_nothing_outside(content: LocalContentStore, target: str) -> None:
    files = {"c.json": b"{}", "manifest.json": b'[{"Config": "c.json", "Layers": ["layer"]}]'}
    data = _with_links(files, {"layer": (EntryType.SYMLINK, target)})
    with pytest.raises(InvalidArgument, match=r'manifest\.json\[0\]\.Layers\[0\]: the archive has no file "layer"'):
        _load(content, data)


def test_a_modern_docker_save_is_taken_as_a_layout(content: LocalContentStore, source: LocalContentStore) -> None:
    """It has both documents; the manifest of the layout has the digest that a registry knows."""
    data = _layout_of(source)
    assert {"index.json", "manifest.json"} <= set(files_of(data))
    (image,) = _load(content, data)
    assert image.target.digest in {blob.digest for blob in source.walk()}


def test_what_docker_wrote_before_1_10_is_passed_over(content: LocalContentStore, source: LocalContentStore) -> None:
    files = files_of(_docker_of(source))
    files |= {"aaa/json": b"not read", "aaa/VERSION": b"1.0", "repositories": b"not read"}
    before = len(list(source.walk()))
    (image,) = _load(content, tar_of(files))
    _whole(content, [image], source)
    assert len(list(content.walk())) == before


def test_blobs_that_the_store_has_are_not_written_again(content: LocalContentStore, source: LocalContentStore) -> None:
    data = _layout_of(source)
    _load(content, data)
    before = {blob.digest: content.blob_path(blob.digest).stat().st_ino for blob in content.walk()}
    _load(content, data)
    assert {blob.digest: content.blob_path(blob.digest).stat().st_ino for blob in content.walk()} == before


def test_an_archive_may_leave_out_what_the_store_has(content: LocalContentStore, source: LocalContentStore) -> None:
    data = _layout_of(source)
    _load(content, data)
    files = {name: text for name, text in files_of(data).items() if not name.startswith("blobs/")}
    assert [one.name for one in _load(content, tar_of(files))] == [NAME]


def test_a_load_that_was_cut_off_goes_through_the_next_time(
    content: LocalContentStore, source: LocalContentStore
) -> None:
    data = _layout_of(source)
    for end in range(600, len(data) - 1024, 1500):
        with pytest.raises((InvalidArgument, NotFound)):
            _load(content, data[:end])
    digest = next(source.walk()).digest
    content.delete(digest)
    with content.begin(f"load-{digest}", expected=digest) as ingest:
        ingest.write(b"other bytes")
    (image,) = _load(content, data)
    _whole(content, [image], source)


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_file_that_is_cut_off_is_told_once_and_by_what_it_is(
    content: LocalContentStore, source: LocalContentStore, *, is_compressed: bool
) -> None:
    data = _layout_of(source)
    largest = max(files_of(data).values(), key=len)
    data = gzip.compress(data)[:-20] if is_compressed else data[: data.index(largest) + len(largest) // 2]
    with pytest.raises(InvalidArgument) as caught:
        _load(content, data)
    reason = r'entry \d+ \("blobs/[^"]*"\): the archive ends within an entry\'s data; it is cut off'
    if is_compressed:
        reason = "it ends in the middle of gzip member 1; the file is cut off: copy or make it again"
    assert re.fullmatch(f"archive: {reason}", str(caught.value))


def test_a_blob_that_is_not_what_its_name_says_is_refused(
    content: LocalContentStore, source: LocalContentStore
) -> None:
    files = files_of(_layout_of(source))
    name = max(files, key=lambda one: len(files[one]))
    files[name] = b"x" + files[name][1:]
    with pytest.raises(FailedPrecondition, match=f"not sha256:{name.rpartition('/')[2]}"):
        _load(content, tar_of(files))
    assert Digest("sha256", name.rpartition("/")[2]) not in {blob.digest for blob in content.walk()}


def test_a_blob_of_another_size_than_the_stores_is_refused(
    content: LocalContentStore, source: LocalContentStore
) -> None:
    data = _layout_of(source)
    _load(content, data)
    files = files_of(data)
    name = next(one for one in files if one.startswith("blobs/"))
    with pytest.raises(FailedPrecondition, match=f"{name}: has 1 bytes, and the blob {len(files[name])}"):
        _load(content, tar_of({name: b"x"}))


def test_a_raw_layer_that_is_not_the_configurations_is_refused(
    content: LocalContentStore, source: LocalContentStore
) -> None:
    files = files_of(_docker_of(source))
    (document,) = json.loads(files["manifest.json"])
    first, second = document["Layers"]
    files[first], files[second] = files[second], files[first]
    with pytest.raises(
        FailedPrecondition, match=r"manifest\.json\[0\]\.Layers\[0\]: its digest is sha256:.*, not sha256:"
    ):
        _load(content, tar_of(files))


def test_a_layout_without_a_layer_is_refused(content: LocalContentStore, source: LocalContentStore) -> None:
    files = files_of(_layout_of(source))
    image = json.loads(files["index.json"])["manifests"][0]["digest"]
    layer = parse_manifest(read_blob(source, Digest.parse(image))).children[-1].digest
    del files[f"blobs/sha256/{layer.encoded}"]
    with pytest.raises(NotFound, match=f"its part {layer} is neither in the archive nor in the store"):
        _load(content, tar_of(files))


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "has neither oci-layout and index.json nor manifest.json"),
    "no tar": (b"not a tar" * 200, "archive: entry 1"),
    "a root file system": (tar_of({"etc/passwd": b"root"}), "has neither .*; give what `save` wrote"),
    "an index alone": (tar_of({"index.json": b"{}"}), "has neither"),
    "a document twice": (tar_of([("manifest.json", b"[]")] * 2), r'entry 2 \("manifest.json"\): is there twice'),
    "a large document": (
        tar_of({"manifest.json": bytes(5 << 20)}),
        r'archive: entry 1 \("manifest.json"\): has 5242880 bytes; at most 4194304 are read',
    ),
    "a path above": (tar_of({"../../etc/cron.d/x": b"x"}), r"archive: entry 1"),
    "no configuration": (
        tar_of({"manifest.json": b'[{"Config": "c.json", "Layers": []}]'}),
        r'manifest\.json\[0\]\.Config: the archive has no file "c\.json"',
    ),
    "a configuration above": (
        tar_of({"manifest.json": b'[{"Config": "../../etc/passwd", "Layers": []}]'}),
        r'the archive has no file "\.\./\.\./etc/passwd"',
    ),
    "a configuration that is none": (
        tar_of({"c.json": b"[]", "manifest.json": b'[{"Config": "c.json", "Layers": []}]'}),
        r"c\.json: must be an object",
    ),
    "a large configuration": (
        tar_of({"c.json": bytes(9 << 20), "manifest.json": b'[{"Config": "c.json", "Layers": []}]'}),
        "bytes are too many",
    ),
    "a bad name": (
        tar_of({"manifest.json": b'[{"Config": "c", "RepoTags": ["../x"]}]'}),
        r"manifest\.json\[0\]\.RepoTags\[0\]",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_is_refused_with_its_reason(content: LocalContentStore, name: str) -> None:
    data, message = HOSTILE[name]
    with pytest.raises(InvalidArgument, match=message):
        _load(content, data)
    assert list(content.ingests()) == []


def test_a_sparse_file_is_refused(content: LocalContentStore) -> None:
    records = {b"major": b"1", b"minor": b"0", b"name": b"c.json", b"realsize": b"10"}
    header = tar_bytes.pax(*((b"GNU.sparse." + key, value) for key, value in records.items()))
    data = header + tar_bytes.file(b"x", b"1\n0\n10\n".ljust(512, b"\0") + b"0123456789") + bytes(1024)
    with pytest.raises(InvalidArgument, match=r'entry .* \("c.json"\): is a sparse file, which no image has'):
        _load(content, data)


@pytest.mark.parametrize(
    ("limits", "message"),
    [(Limits(entries=3), "entries"), (Limits(total_bytes=1000), "bytes"), (Limits(raw_bytes=2000), "bytes")],
)
def test_limits_hold(content: LocalContentStore, source: LocalContentStore, limits: Limits, message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"archive: .*{message}"):
        _load(content, _layout_of(source), limits=limits)


def test_memory_does_not_grow_with_the_archive(content: LocalContentStore) -> None:
    files = {f"{number}.tar": bytes([number]) * (8 << 20) for number in range(4)}
    data = gzip.compress(tar_of(files), 1)
    source = io.BytesIO(data)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArgument, match="has neither"):
            load(content, source.read)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20, "not a fraction of the 32 MiB"
    assert sorted(blob.size for blob in content.walk()) == [8 << 20] * 4
