"""A root file system's tar as an image of one layer: `orlop image import`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orlop.archive.contract import Limits
from orlop.archive.gzip_writer import GzipWriter
from orlop.archive.tar_reader import TarReader
from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest
from orlop.oci.media_types import OCI_LAYER_GZIP, OCI_LAYER_ZSTD

from .compressed_stream import DecompressedStream, of_file
from .new_image import NewConfig, NewLayer, Origin, commit_layer, new_ingest, write_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.content.contract import ContentStore, Ingest
    from orlop.oci.descriptor import Descriptor

    Read = Callable[[int], bytes]

_MEDIA_TYPES = {"none": OCI_LAYER_GZIP, "gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD}


def import_rootfs(
    content: ContentStore,
    read: Read,
    config: NewConfig,
    origin: Origin,
    *,
    limits: Limits | None = None,
) -> Descriptor:
    """An image of the tar that `read(n)` gives, 1 to n bytes at a time and none at the end.

    A tar that is compressed with gzip or zstd stays as it is; another is compressed with gzip. It is read to its end
    and must be a layer that can be unpacked: nobody shall find out later. Returns the manifest's descriptor; the
    caller holds a lease.

    Raises:
        InvalidArgument: it is no tar, is damaged, of another compression, empty, or reaches a limit.
        KernelError: the store cannot take it.
    """
    layer = import_layer(content, read, limits or Limits())
    return write_image(content, [layer], config, origin)


def import_layer(content: ContentStore, read: Read, limits: Limits) -> NewLayer:
    """The layer alone. Raises as `import_rootfs`."""
    with new_ingest(content) as ingest:
        source = _Source(read, ingest, limits)
        archive = TarReader(source.read, limits)
        try:
            entries = sum(1 for _ in archive)
        except InvalidArgument as error:
            raise of_file(error, "rootfs") from None
        if not entries:
            raise InvalidArgument("rootfs: the archive is empty", hint="give a tar of a root file system")
        source.finish()
        return commit_layer(content, ingest, source.diff_id, _MEDIA_TYPES[source.compression])


class _Source:
    """The raw archive on its way to the reader; on the way the blob is stored and the raw bytes are hashed."""

    def __init__(self, read: Read, ingest: Ingest, limits: Limits) -> None:
        self._hash = hashlib.sha256()
        self._stream = DecompressedStream(read, place="rootfs", limits=limits)
        self._compressor: GzipWriter | None = None
        if self.compression == "none":
            self._compressor = GzipWriter(ingest.write)
        else:
            self._stream.copy_input_to = ingest.write

    @property
    def compression(self) -> str:
        return self._stream.compression

    @property
    def diff_id(self) -> Digest:
        return Digest("sha256", self._hash.hexdigest())

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        if self._compressor:
            self._compressor.write(data)
        return data

    def finish(self) -> None:
        if self._compressor:
            self._compressor.close()
