"""Root file systems as images of one layer."""

from __future__ import annotations

import gzip
import io
import os
from typing import TYPE_CHECKING

import pytest
import zstandard

from orlop.archive.contract import Entry, EntryType, Limits
from orlop.archive.tar_writer import TarWriter
from orlop.errors import InvalidArgument
from orlop.image.import_rootfs import import_layer, import_rootfs
from orlop.image.new_image import NewConfig, Origin
from orlop.oci.digest import Digest
from orlop.oci.image_config import ImageConfig
from orlop.oci.manifest import Manifest, parse_manifest
from orlop.oci.media_types import OCI_LAYER_GZIP, OCI_LAYER_ZSTD
from orlop.oci.platform import Platform

if TYPE_CHECKING:
    from orlop.content.local import LocalContentStore

CONTENT = os.urandom(100_000)


def _tar() -> bytes:
    out = io.BytesIO()
    tar = TarWriter(out.write)
    tar.add(Entry(path=b"etc", type=EntryType.DIRECTORY, mode=0o755, uid=0, gid=0))
    entry = Entry(path=b"etc/random", type=EntryType.FILE, mode=0o644, uid=0, gid=0, size=len(CONTENT))
    tar.add(entry, [CONTENT])
    tar.close()
    return out.getvalue()


def _blob(content: LocalContentStore, digest: Digest) -> bytes:
    with content.open(digest) as reader:
        return reader.read_at(0, reader.size)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_compressed_tar_stays_as_it_is(content: LocalContentStore, compression: str) -> None:
    data = gzip.compress(_tar()) if compression == "gzip" else zstandard.compress(_tar())
    layer = import_layer(content, io.BytesIO(data).read, Limits())
    assert layer.diff_id == Digest.of(_tar())
    assert layer.blob.digest == Digest.of(data)
    assert layer.blob.size == len(data)
    assert layer.blob.media_type == (OCI_LAYER_GZIP if compression == "gzip" else OCI_LAYER_ZSTD)
    assert content.info(layer.blob.digest).labels == {"containerd.io/uncompressed": str(layer.diff_id)}


def test_a_plain_tar_is_compressed(content: LocalContentStore) -> None:
    layer = import_layer(content, io.BytesIO(_tar() + bytes(8192)).read, Limits())
    assert layer.diff_id == Digest.of(_tar() + bytes(8192)), "what pads the end is a part of it"
    assert gzip.decompress(_blob(content, layer.blob.digest)) == _tar() + bytes(8192)


def test_the_image_has_the_configuration_that_was_given(content: LocalContentStore) -> None:
    origin = Origin(platform=Platform(os="linux", architecture="riscv64"), created_by="orlop image import x.tar")
    config = NewConfig(cmd=["/bin/sh"], env=["A=1"])
    found = import_rootfs(content, io.BytesIO(_tar()).read, config, origin)
    manifest = parse_manifest(_blob(content, found.digest))
    assert isinstance(manifest, Manifest)
    parsed = ImageConfig.parse(_blob(content, manifest.config.digest), layers=1)
    assert parsed.platform == origin.platform
    assert parsed.config.cmd == ("/bin/sh",)
    assert parsed.config.env == ("A=1",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the archive is empty"),
        (bytes(1024), "the archive is empty"),
        (gzip.compress(b""), "the archive is empty"),
        (b"no tar at all" * 100, "^rootfs: entry 1"),
        (gzip.compress(b"no tar at all" * 100), "entry 1"),
        (_tar()[:2000], "^rootfs: .*end"),
        (
            gzip.compress(_tar())[:-3],
            "^rootfs: it ends in the middle of gzip member 1; the file is cut off: copy or make",
        ),
        (gzip.compress(_tar()) + b"more", "gzip"),
    ],
)
def test_what_is_no_root_file_system_is_refused(content: LocalContentStore, data: bytes, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        import_layer(content, io.BytesIO(data).read, Limits())
    assert list(content.walk()) == []
    assert list(content.ingests()) == []


def test_limits_hold(content: LocalContentStore) -> None:
    with pytest.raises(InvalidArgument, match="entries"):
        import_layer(content, io.BytesIO(_tar()).read, Limits(entries=1))
    assert list(content.walk()) == []
