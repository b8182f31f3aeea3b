"""From layers to a snapshot: each is fetched and unpacked in one pass, several at a time, and committed in order."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.archive.contract import UnpackJob
from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from orlop.oci.media_types import LAYER_COMPRESSION

from .concurrency import all_of, end_all, next_of
from .contract import UNCOMPRESSED, Event, Step
from .fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from orlop.archive.contract import UnpackResult
    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest
    from orlop.registry.contract import Registry
    from orlop.snapshot.contract import Snapshotter

    from .contract import Watcher

    # It takes the stream's file descriptor over, and closes it when nobody will read it any more.
    Unpack = Callable[[UnpackJob, int], Coroutine[object, object, UnpackResult]]

_PIPE_BYTES = 1 << 20  # the most that an unprivileged user may ask for by default


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of an image. `chain_id` names the snapshot of it and of all below it (image-spec config.md)."""

    descriptor: Descriptor
    diff_id: Digest
    chain_id: Digest

    @property
    def compression(self) -> str:
        """How the blob is compressed, by its media type.

        Raises:
            InvalidArgument: it is not a layer of a kind that is known.
        """
        compression = LAYER_COMPRESSION.get(self.descriptor.media_type)
        if compression is None:
            raise InvalidArgument(
                f'layer {self.descriptor.digest}: media type "{self.descriptor.media_type}" cannot be unpacked'
            )
        return compression


class LayerWork:
    """Brings an image's layers into the content store, and, with an unpacker, into a snapshotter."""

    def __init__(
        self,
        content: ContentStore,
        registry: Registry | None,
        *,
        watcher: Watcher,
        at_once: int,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """`registry` may be None where all blobs are in the store already. `at_once` bounds layers under way."""
        self._content = content
        self._registry = registry
        self._watcher = watcher
        self._turn = asyncio.Semaphore(at_once)
        self._labels = dict(labels or {})

    async def fetch_all(self, layers: Sequence[Layer]) -> None:
        """Have all blobs in the store."""
        await all_of(self._fetch_in_turn(layer) for layer in layers)

    async def unpack_all(self, layers: Sequence[Layer], snapshotter: Snapshotter, unpack: Unpack) -> str:
        """Have all blobs in the store and a snapshot of all layers; returns its name, "" of an image without layers.

        Raises:
            FailedPrecondition: a layer is not what its digest or diff id say. Nothing of it stays.
        """
        if snapshotter.takes_layers_apart:
            await self._apart(layers, snapshotter, unpack)
        else:
            await self._one_on_another(layers, snapshotter, unpack)
        return str(layers[-1].chain_id) if layers else ""

    async def _apart(self, layers: Sequence[Layer], snapshotter: Snapshotter, unpack: Unpack) -> None:
        # The largest first: one that began last would be unpacked alone, while the other processors have nothing to do.
        by_size = sorted(layers, key=lambda layer: layer.descriptor.size, reverse=True)
        begun = {id(one): asyncio.ensure_future(self._unpacked(one, "", snapshotter, unpack)) for one in by_size}
        keys = [begun[id(layer)] for layer in layers]
        try:
            parent = ""
            for layer, key in zip(layers, keys, strict=True):
                await asyncio.to_thread(_commit, snapshotter, layer, await next_of(key, keys), parent)
                parent = str(layer.chain_id)
        finally:
            await end_all(keys)
            for key in keys:  # what has been committed is not there under its key any more
                if not key.cancelled() and key.exception() is None:
                    _remove(snapshotter, key.result())

    async def _one_on_another(self, layers: Sequence[Layer], snapshotter: Snapshotter, unpack: Unpack) -> None:
        await self.fetch_all(layers)
        parent = ""
        for layer in layers:
            key = await self._unpacked(layer, parent, snapshotter, unpack)
            await asyncio.to_thread(_commit, snapshotter, layer, key, "")
            parent = str(layer.chain_id)

    async def _unpacked(self, layer: Layer, parent: str, snapshotter: Snapshotter, unpack: Unpack) -> str:
        """The key of an active snapshot with the layer in it; "" where there is a committed one already."""
        async with self._turn:
            if _exists(snapshotter, str(layer.chain_id)):
                await self._fetch(layer)
                self._watcher.happened(Event(layer.descriptor.digest, Step.UNPACKED))
                return ""
            key = f"extract-{secrets.token_hex(8)} {layer.chain_id}"
            await asyncio.to_thread(snapshotter.prepare, key, parent)
            try:
                await self._unpack(layer, key, snapshotter, unpack)
            except BaseException:
                await asyncio.to_thread(_remove, snapshotter, key)
                raise
            self._watcher.happened(Event(layer.descriptor.digest, Step.UNPACKED))
            return key

    async def _unpack(self, layer: Layer, key: str, snapshotter: Snapshotter, unpack: Unpack) -> None:
        target = snapshotter.layer_target(key)
        job = UnpackJob(
            form=target.form.value,
            directory=target.directory,
            compression=layer.compression,
            user_xattr=target.user_xattr,
        )
        result = await self._unpack_while_fetching(layer, job, unpack)
        if result is None:
            with self._content.open(layer.descriptor.digest) as blob:
                self._watcher.happened(Event(layer.descriptor.digest, Step.UNPACKING))
                os.lseek(blob.fileno(), 0, os.SEEK_SET)
                result = await unpack(job, os.dup(blob.fileno()))
        if result.diff_id != layer.diff_id:
            raise FailedPrecondition(
                f"layer {layer.descriptor.digest}: unpacks to {result.diff_id}, not to {layer.diff_id} as the image's "
                "configuration says; the image is broken, or not the one that was built"
            )

    async def _unpack_while_fetching(self, layer: Layer, job: UnpackJob, unpack: Unpack) -> UnpackResult | None:
        """The result where the blob was fetched from its first byte on; None where it is there, but not unpacked."""
        stream = _Stream(unpack, job)
        try:
            is_copied = await self._fetch(layer, copy_fd=stream.begin)
            stream.end_of_data()
            return await stream.result() if is_copied or stream.has_failed else None
        except BaseException as error:
            # What the unpacker says of a stream is the reason; that the stream broke off is what follows from it.
            failure = await stream.abandon()
            if failure is not None and isinstance(error, Exception):
                raise failure from error
            raise
        finally:
            await stream.abandon()

    async def _fetch_in_turn(self, layer: Layer) -> None:
        async with self._turn:
            await self._fetch(layer)

    async def _fetch(self, layer: Layer, *, copy_fd: Callable[[], int] | None = None) -> bool:
        labels = self._labels | {UNCOMPRESSED: str(layer.diff_id)}
        if self._registry is None:
            self._content.info(layer.descriptor.digest)  # raises NotFound
            return False
        return await fetch(
            self._content,
            self._registry,
            layer.descriptor,
            watcher=self._watcher,
            labels=labels,
            copy_fd=copy_fd,
        )


class _Stream:
    """An unpacker at the end of a pipe, which is made when the first byte is about to come."""

    def __init__(self, unpack: Unpack, job: UnpackJob) -> None:
        self._unpack = unpack
        self._job = job
        self._write_fd = -1
        self._task: asyncio.Task[UnpackResult] | None = None

    def begin(self) -> int:
        """Start the unpacker; where to write for it."""
        read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # user.pipe_pages_soft limits it: a small pipe works too
            fcntl.fcntl(read_fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._task = asyncio.ensure_future(self._unpack(self._job, read_fd))
        return self._write_fd

    @property
    def has_failed(self) -> bool:
        """Whether the unpacker has given up."""
        return self._task is not None and self._task.done() and self._task.exception() is not None

    def end_of_data(self) -> None:
        """Let the unpacker see the end."""
        if self._write_fd >= 0:
            os.close(self._write_fd)
            self._write_fd = -1

    async def result(self) -> UnpackResult:
        """What the unpacker made of it."""
        if self._task is None:
            raise RuntimeError("no unpacker has been started")
        return await self._task

    async def abandon(self) -> BaseException | None:
        """End the unpacker; the error that it had before that, if it had one."""
        self.end_of_data()
        if self._task is None:
            return None
        was_done = self._task.done()
        self._task.cancel()
        await asyncio.wait([self._task])
        return self._task.exception() if was_done and not self._task.cancelled() else None


def _commit(snapshotter: Snapshotter, layer: Layer, key: str, parent: str) -> None:
    if not key:
        return
    try:
        snapshotter.commit(str(layer.chain_id), key, parent=parent or None)
    except AlreadyExists:  # another process was faster: the same chain id is the same content
        _remove(snapshotter, key)


def _exists(snapshotter: Snapshotter, name: str) -> bool:
    try:
        snapshotter.info(name)
    except NotFound:
        return False
    return True


def _remove(snapshotter: Snapshotter, key: str) -> None:
    if key:
        with contextlib.suppress(NotFound):
            snapshotter.remove(key)
