"""Images in a content store, made for tests; and what is in one."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

from orlop.archive.contract import Entry, EntryType
from orlop.archive.tar_writer import TarWriter
from orlop.image.new_image import NewConfig, NewLayer, Origin, put_blob, write_image, write_layer
from orlop.oci.descriptor import Descriptor
from orlop.oci.manifest import Index, encode_manifest
from orlop.oci.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.content.contract import ContentStore
    from orlop.image.new_image import Write
    from orlop.oci.digest import Digest

AMD64 = Platform(os="linux", architecture="amd64")
ARM64 = Platform(os="linux", architecture="arm64")
NAME = "docker.io/library/sample:1.0"


def read_blob(content: ContentStore, digest: Digest) -> bytes:
    with content.open(digest) as reader:
        return reader.read_at(0, reader.size)


def layer_of(content: ContentStore, name: str, text: bytes) -> NewLayer:
    """A layer with one file."""

    def fill(write: Write) -> None:
        tar = TarWriter(write)
        tar.add(Entry(path=name.encode(), type=EntryType.FILE, mode=0o644, uid=0, gid=0, size=len(text)), [text])
        tar.close()

    return write_layer(content, fill)


def image_of(content: ContentStore, text: str = "text", platform: Platform = AMD64, layers: int = 2) -> Descriptor:
    """An image whose layers hold some text."""
    parts = [layer_of(content, f"file{number}", f"{text} {number}".encode()) for number in range(layers)]
    origin = Origin(platform=platform, created_by=text)
    found = write_image(content, parts, NewConfig(cmd=["/bin/sh"]), origin)
    return replace(found, platform=platform.to_json())


def index_of(content: ContentStore, *images: Descriptor) -> Descriptor:
    """An index of images, which does not hold them: nothing is collected here."""
    index = Index(manifests=images)
    data = encode_manifest(index)
    return Descriptor(media_type=index.media_type, digest=put_blob(content, data), size=len(data))


def tar_of(files: dict[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    """A tar of these files, in this order."""
    out = io.BytesIO()
    tar = TarWriter(out.write)
    for path, data in files.items() if isinstance(files, dict) else files:
        entry = Entry(path=path.encode(), type=EntryType.FILE, mode=0o644, uid=0, gid=0, size=len(data))
        tar.add(entry, [data])
    tar.close()
    return out.getvalue()


def files_of(archive: bytes) -> dict[str, bytes]:
    """The files of a tar."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {}
        for member in tar.getmembers():
            file = tar.extractfile(member)
            if file is not None:
                found[member.name] = file.read()
        return found
