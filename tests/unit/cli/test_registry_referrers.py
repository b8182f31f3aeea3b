"""`orlop referrers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.image.new_image import put_blob
from orlop.oci.descriptor import Descriptor
from orlop.oci.manifest import Manifest, encode_manifest

if TYPE_CHECKING:
    from .conftest import Orlop, Running

_SIGNATURE = "application/vnd.example.signature"


def _signed(orlop: Orlop, registry: Running) -> str:
    """An image in the registry, and an artifact that refers to it."""
    name = f"{registry.domain}/b/c:1"
    target = orlop.put(name)
    orlop.out("push", "-q", name)
    with orlop.session().store() as store, store.lease() as lease:
        content = store.content(lease_id=lease.id)
        empty = b"{}"
        config = Descriptor(
            media_type="application/vnd.oci.empty.v1+json", digest=put_blob(content, empty), size=len(empty)
        )
        manifest = Manifest(config=config, layers=(config,), artifact_type=_SIGNATURE, subject=target)
        data = encode_manifest(manifest)
        artifact = Descriptor(media_type=manifest.media_type, digest=put_blob(content, data), size=len(data))
        store.images.put(f"{registry.domain}/b/c:sig", artifact)
        orlop.out("push", "-q", f"{registry.domain}/b/c:sig")
    return name


def test_what_refers_to_an_image_is_listed(orlop: Orlop, registry: Running) -> None:
    name = _signed(orlop, registry)
    [found] = orlop("referrers", name, "--format", "json").json
    assert found["artifactType"] == _SIGNATURE
    head, row = orlop.out("referrers", name).splitlines()
    assert head.split() == ["DIGEST", "TYPE", "SIZE"]
    assert row.split()[:2] == [found["digest"], _SIGNATURE]


def test_a_type_chooses(orlop: Orlop, registry: Running) -> None:
    name = _signed(orlop, registry)
    assert len(orlop("referrers", name, "--artifact-type", _SIGNATURE, "--format", "json").json) == 1
    assert orlop("referrers", name, "--artifact-type", "application/other", "--format", "json").json == []
