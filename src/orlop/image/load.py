"""Images from an archive that some tool saved, into the content store: `orlop load`.

An archive is a stream: it is read once, from front to back, and nothing of it is ever a path of the host. Its files
become blobs as they come, those of `blobs/` verified against their names; only then its documents are looked at,
which usually stand at the end. What no document names has no reference in the store, and goes with the next
collection; the caller holds a lease meanwhile. Memory and sizes are bounded (CVE-2023-25153).
"""

from __future__ import annotations

import posixpath
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orlop.archive.contract import EntryType, Limits
from orlop.archive.tar_reader import TarReader
from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from orlop.oci.image_config import ImageConfig
from orlop.oci.image_json import CONFIG_MAX_BYTES, MANIFEST_MAX_BYTES

from .compressed_stream import HEAD_BYTES, DecompressedStream, compression_of, of_file
from .docker_archive import MANIFEST_FILE, DockerImage, StoredFile, docker_manifest, parse_docker_manifest
from .documents import read_small
from .layout import INDEX_FILE, LAYOUT_FILE, blob_digest
from .loaded import LoadedImage, images_of_layout
from .new_image import new_ingest, put_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.archive.contract import Entry
    from orlop.content.contract import ContentStore, Ingest
    from orlop.oci.digest import Digest

    Read = Callable[[int], bytes]

# An image has at most a few thousand blobs, and an archive a few files for each.
LIMITS = Limits(entries=100_000, depth=16, total_bytes=256 << 30, raw_bytes=257 << 30)
_DOCUMENTS = (LAYOUT_FILE, INDEX_FILE, MANIFEST_FILE)
_LEGACY = ("json", "VERSION", "repositories")  # of docker before 1.10; manifest.json says the same
_LINKS_MAX = 8


@dataclass(slots=True)
class _Archive:
    """What has come out of the stream."""

    documents: dict[str, bytes]
    files: dict[str, StoredFile]
    links: dict[str, str]

    def file(self, path: str, place: str) -> StoredFile:
        """The file at a path, or where the links there lead.

        Raises:
            InvalidArgument: there is none.
        """
        found = path
        for _ in range(_LINKS_MAX):
            if found in self.files:
                return self.files[found]
            if found not in self.links:
                break
            found = self.links[found]
        raise InvalidArgument(f'{place}: the archive has no file "{path}"')


def load(content: ContentStore, read: Read, *, base_name: str = "", limits: Limits = LIMITS) -> list[LoadedImage]:
    """The images of the archive that `read(n)` gives, 1 to n bytes at a time and none at the end.

    It is an OCI image layout or a docker-archive, as a tar, compressed or not; one that is both is taken as a layout.
    Images of a docker-archive get a manifest of schema 2. A tag alone is a name only with a `base_name`.

    Raises:
        InvalidArgument: it is no such archive, is damaged, reaches a limit, or its documents are wrong.
        NotFound: a part of an image is neither in the archive nor in the store.
        FailedPrecondition: a blob's content is not what its name says.
        KernelError: the store cannot take it.
    """
    stream = DecompressedStream(read, place="archive", limits=limits)
    archive = _take(content, stream.read, limits)
    if LAYOUT_FILE in archive.documents and INDEX_FILE in archive.documents:
        documents = archive.documents
        return images_of_layout(content, documents[LAYOUT_FILE], documents[INDEX_FILE], base_name=base_name)
    if MANIFEST_FILE in archive.documents:
        images = parse_docker_manifest(archive.documents[MANIFEST_FILE])
        return [
            loaded
            for index, image in enumerate(images)
            for loaded in _docker_image(content, archive, image, f"{MANIFEST_FILE}[{index}]")
        ]
    raise InvalidArgument(
        f"archive: has neither {LAYOUT_FILE} and {INDEX_FILE} nor {MANIFEST_FILE}",
        hint="give what `save` wrote; a root file system is imported",
    )


def _take(content: ContentStore, read: Read, limits: Limits) -> _Archive:
    """Everything in the stream, files as blobs."""
    archive = _Archive({}, {}, {})
    reader = TarReader(read, limits)
    try:
        for entry in reader:
            try:
                _take_entry(content, reader, entry, archive)
            except InvalidArgument as error:
                raise reader.refusal(entry.path, error) from None
    except InvalidArgument as error:
        raise of_file(error, "archive") from None
    return archive


def _take_entry(content: ContentStore, reader: TarReader, entry: Entry, archive: _Archive) -> None:
    path = entry.path.decode("utf-8", "surrogateescape")
    if entry.type in (EntryType.SYMLINK, EntryType.HARD_LINK):
        archive.links[path] = _link_target(entry, path)
        return
    if entry.type is not EntryType.FILE or posixpath.basename(path) in _LEGACY:
        return
    if entry.segments is not None:
        raise InvalidArgument("is a sparse file, which no image has")
    if path in _DOCUMENTS:
        if path in archive.documents:
            raise InvalidArgument("is there twice")
        archive.documents[path] = _document(reader, entry)
        return
    digest = blob_digest(path)
    archive.files[path] = _blob(content, reader, entry, digest) if digest else _unknown(content, reader, entry)


def _link_target(entry: Entry, path: str) -> str:
    """The path that a link means within the archive; the file there, if any, has become a blob."""
    target = entry.link_target.decode("utf-8", "surrogateescape")
    if entry.type is EntryType.SYMLINK:
        target = posixpath.join(posixpath.dirname(path), target)
    return posixpath.normpath(target)


def _document(reader: TarReader, entry: Entry) -> bytes:
    if entry.size > MANIFEST_MAX_BYTES:
        raise InvalidArgument(f"has {entry.size} bytes; at most {MANIFEST_MAX_BYTES} are read")
    parts = []
    while part := reader.piece():
        parts.append(bytes(part))
    return b"".join(parts)


def _blob(content: ContentStore, reader: TarReader, entry: Entry, digest: Digest) -> StoredFile:
    """A blob whose digest is known. One that the store has is passed over."""
    try:
        with content.begin(f"load-{digest}", expected=digest) as ingest:
            ingest.truncate(0)  # of a load that was cut off: the archive begins anew
            compression = _fill(ingest, reader)
            ingest.commit()
    except AlreadyExists:
        if content.info(digest).size != entry.size:
            raise FailedPrecondition(
                f"archive: {entry.path.decode()}: has {entry.size} bytes, and the blob {content.info(digest).size}"
            ) from None
        with content.open(digest) as blob:
            compression = _compression(blob.read_at(0, HEAD_BYTES))
    return StoredFile(digest=digest, size=entry.size, compression=compression)


def _unknown(content: ContentStore, reader: TarReader, entry: Entry) -> StoredFile:
    """A file of a docker-archive: what it is, its document will say."""
    with new_ingest(content) as ingest:
        compression = _fill(ingest, reader)
        return StoredFile(digest=ingest.commit(), size=entry.size, compression=compression)


def _fill(ingest: Ingest, reader: TarReader) -> str:
    """Write the entry's data; returns how it is compressed."""
    head = b""
    while part := reader.piece():
        if len(head) < HEAD_BYTES:
            head += bytes(part[: HEAD_BYTES - len(head)])
        ingest.write(part)
    return _compression(head)


def _compression(head: bytes) -> str:
    """none, gzip or zstd; none too for what images do not have, which is no layer then."""
    with suppress(InvalidArgument):
        return compression_of(head, place="")
    return "none"


def _docker_image(content: ContentStore, archive: _Archive, image: DockerImage, place: str) -> list[LoadedImage]:
    """The image under each of its names, or under none."""
    config = archive.file(image.config, f"{place}.Config")
    layers = [archive.file(path, f"{place}.Layers[{index}]") for index, path in enumerate(image.layers)]
    manifest = docker_manifest(config, layers)
    data = read_small(content, manifest.config, CONFIG_MAX_BYTES)
    parsed = ImageConfig.parse(data, layers=len(layers), place=f"{image.config}")
    for index, (layer, diff_id) in enumerate(zip(layers, parsed.diff_ids, strict=True)):
        is_same = layer.digest.algorithm == diff_id.algorithm
        if layer.compression == "none" and is_same and layer.digest != diff_id:
            raise FailedPrecondition(
                f"{place}.Layers[{index}]: its digest is {layer.digest}, not {diff_id} as {image.config} says",
                hint="the archive is damaged: save it again",
            )
    target = replace(put_manifest(content, manifest), platform=parsed.platform.to_json())
    return [LoadedImage(name=name, target=target) for name in image.names or ("",)]
