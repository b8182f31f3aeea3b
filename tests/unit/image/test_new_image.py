"""Layers, configurations and manifests that are made here."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orlop.image.new_image import (
    NewConfig,
    Origin,
    add_labels,
    new_ingest,
    put_blob,
    without_level,
    write_image,
    write_layer,
)
from orlop.oci.digest import Digest
from orlop.oci.image_config import ImageConfig
from orlop.oci.manifest import Manifest, parse_manifest
from orlop.oci.media_types import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST
from orlop.oci.platform import Platform

if TYPE_CHECKING:
    from orlop.content.local import LocalContentStore
    from orlop.image.new_image import Write

AMD64 = Platform(os="linux", architecture="amd64")


def _read(content: LocalContentStore, digest: Digest) -> bytes:
    with content.open(digest) as reader:
        return reader.read_at(0, reader.size)


def _fill(write: Write) -> None:
    write(b"a" * 1000)
    write(memoryview(b"b" * 1000))


def test_a_layer_knows_its_diff_id(content: LocalContentStore) -> None:
    layer = write_layer(content, _fill)
    raw = b"a" * 1000 + b"b" * 1000
    assert layer.diff_id == Digest.of(raw)
    assert gzip.decompress(_read(content, layer.blob.digest)) == raw
    assert layer.blob.media_type == OCI_LAYER_GZIP
    info = content.info(layer.blob.digest)
    assert info.size == layer.blob.size
    assert info.labels == {"containerd.io/uncompressed": str(layer.diff_id)}
    assert write_layer(content, _fill) == layer
    assert list(content.ingests()) == []


def test_a_layer_that_was_there_gets_its_label(content: LocalContentStore) -> None:
    layer = write_layer(content, _fill)
    content.update_labels(layer.blob.digest, {"containerd.io/uncompressed": None, "mine": "1"})
    write_layer(content, _fill)
    assert content.info(layer.blob.digest).labels == {"containerd.io/uncompressed": str(layer.diff_id), "mine": "1"}


def test_a_layer_that_fails_leaves_nothing(content: LocalContentStore) -> None:
    def fail(write: Write) -> None:
        write(b"x" * 1_000_000)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_layer(content, fail)
    with new_ingest(content) as ingest:
        ingest.write(b"x")
    assert list(content.ingests()) == []
    assert list(content.walk()) == []


def test_an_image_holds_its_parts(content: LocalContentStore) -> None:
    layer = write_layer(content, _fill)
    config = NewConfig(
        user="1000:1000",
        env=["PATH=/bin"],
        entrypoint=["/bin/e"],
        cmd=["c", "d"],
        working_dir="/w",
        exposed_ports=["80/tcp"],
        volumes=["/v"],
        labels={"k": "v"},
        stop_signal="SIGINT",
    )
    origin = Origin(
        platform=AMD64, created_by="a test", created="2026-01-02T03:04:05Z", author="nobody", comment="no comment"
    )
    found = write_image(content, [layer, layer], config, origin)
    assert found.media_type == OCI_MANIFEST
    manifest = parse_manifest(_read(content, found.digest), media_type=found.media_type)
    assert isinstance(manifest, Manifest)
    assert manifest.layers == (layer.blob, layer.blob)
    assert manifest.config.media_type == OCI_CONFIG
    assert content.info(found.digest).labels == {
        "containerd.io/gc.ref.content.config": str(manifest.config.digest),
        "containerd.io/gc.ref.content.l.0": str(layer.blob.digest),
        "containerd.io/gc.ref.content.l.1": str(layer.blob.digest),
    }
    parsed = ImageConfig.parse(_read(content, manifest.config.digest), layers=2)
    assert parsed.platform == AMD64
    assert parsed.diff_ids == (layer.diff_id, layer.diff_id)
    assert (parsed.created, parsed.author) == ("2026-01-02T03:04:05Z", "nobody")
    assert [(step.created_by, step.comment) for step in parsed.history] == [("a test", "no comment")] * 2
    said = parsed.config
    assert (said.user, said.env, said.entrypoint, said.cmd) == ("1000:1000", ("PATH=/bin",), ("/bin/e",), ("c", "d"))
    assert (said.working_dir, said.exposed_ports, said.volumes) == ("/w", ("80/tcp",), ("/v",))
    assert (said.labels, said.stop_signal) == ({"k": "v"}, "SIGINT")


def test_what_is_not_said_is_not_written(content: LocalContentStore) -> None:
    found = write_image(content, [], NewConfig(), Origin(platform=AMD64, created_by="test"))
    manifest = json.loads(_read(content, found.digest))
    config = json.loads(_read(content, Digest.parse(manifest["config"]["digest"])))
    assert config == {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}


def test_programs_run_on_every_level_of_amd64() -> None:
    assert without_level(replace(AMD64, variant="v4")) == AMD64
    arm = Platform(os="linux", architecture="arm", variant="v7")
    assert without_level(arm) == arm


def test_bytes_are_put_once(content: LocalContentStore) -> None:
    with content.begin(f"put-{Digest.of(b'data')}", total=4, expected=Digest.of(b"data")) as ingest:
        ingest.write(b"xx")  # cut off
    assert put_blob(content, b"data") == Digest.of(b"data")
    assert put_blob(content, b"data", labels={"a": "1"}) == Digest.of(b"data")
    assert content.info(Digest.of(b"data")).labels == {"a": "1"}
    before = content.info(Digest.of(b"data"))
    add_labels(content, Digest.of(b"data"), {"a": "1"})
    assert content.info(Digest.of(b"data")) == before
