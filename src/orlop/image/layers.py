"""From layers to a snapshot: each is fetched and unpacked in one pass, several at a time, and committed in order."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.archive.contract import LayerMount, UnpackJob
from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, OrlopError
from orlop.oci.field_checks import shown
from orlop.oci.media_types import LAYER_COMPRESSION
from orlop.snapshot.contract import NeedsParent

from .concurrency import all_of, end_all, in_thread, next_of, opened_in_thread
from .contract import UNCOMPRESSED, Event, Step
from .fetch import WrongBytes, fetch
from .layer_stream import LayerStream
from .sources import add_labels

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from orlop.archive.contract import UnpackResult
    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest
    from orlop.registry.contract import Registry
    from orlop.snapshot.contract import Snapshotter

    from .contract import Watcher
    from .fetch import Copy

    # It takes the stream's file descriptor over, and closes it when nobody will read it any more.
    Unpack = Callable[[UnpackJob, int], Coroutine[object, object, UnpackResult]]

_log = logging.getLogger(__name__)


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
        self.check()
        return LAYER_COMPRESSION[self.descriptor.media_type]

    @property
    def has_parent(self) -> bool:
        """Whether it stands on others: a chain of one is its own diff id."""
        return self.chain_id != self.diff_id

    def check(self) -> None:
        """Raise InvalidArgument where it cannot be unpacked."""
        if self.descriptor.media_type not in LAYER_COMPRESSION:
            raise InvalidArgument(
                f'layer {self.descriptor.digest}: media type "{self.descriptor.media_type}" cannot be unpacked'
            )

    def must_be(self, result: UnpackResult) -> None:
        """Raise FailedPrecondition where it has been unpacked to something else than its diff id."""
        if result.diff_id != self.diff_id:
            raise FailedPrecondition(
                f"layer {self.descriptor.digest}: unpacks to {result.diff_id}, not to {self.diff_id} as the image's "
                "configuration says",
                hint="the image is broken, or not the one that was built",
            )


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
        self._results: dict[str, UnpackResult] = {}  # of what was unpacked, by key, until it is committed

    async def fetch_all(self, blobs: Sequence[Descriptor]) -> None:
        """Have all blobs in the store."""
        await all_of(self._fetch_in_turn(blob) for blob in blobs)

    async def unpack_all(self, layers: Sequence[Layer], snapshotter: Snapshotter, unpack: Unpack) -> str:
        """Have all blobs in the store and a snapshot of all layers; returns its name, "" of an image without layers.

        Raises:
            FailedPrecondition: a layer is not what its digest or diff id say. Nothing of it stays.
            InvalidArgument: a layer is not of a kind that is known; nothing has been fetched then.
        """
        for layer in layers:
            layer.check()
        if snapshotter.takes_layers_apart:
            await self._apart(layers, snapshotter, unpack)
        else:
            await self._one_on_another(layers, snapshotter, unpack)
        return str(layers[-1].chain_id) if layers else ""

    async def _apart(self, layers: Sequence[Layer], snapshotter: Snapshotter, unpack: Unpack) -> None:
        # The largest first: one that began last would be unpacked alone, while the other processors have nothing to do.
        by_size = sorted(layers, key=lambda layer: layer.descriptor.size, reverse=True)
        begun = {one.chain_id: asyncio.ensure_future(self._streamed(one, snapshotter, unpack)) for one in by_size}
        keys = [begun[layer.chain_id] for layer in layers]
        parent = ""
        try:
            for layer, key in zip(layers, keys, strict=True):
                await self._put_on(parent, layer, await next_of(key, keys), snapshotter, unpack)
                parent = str(layer.chain_id)
        except BaseException as error:
            try:
                await end_all(keys)
            finally:  # it raises where the caller is cancelled meanwhile
                # What has been committed is not there under its key any more.
                made = [key.result() for key in keys if not key.cancelled() and key.exception() is None]
                await in_thread(_discard, snapshotter, made, error)
            raise

    async def _put_on(self, parent: str, layer: Layer, key: str, snapshotter: Snapshotter, unpack: Unpack) -> None:
        """Commit a layer that was unpacked apart; from the store, on its parent, where it cannot be had otherwise."""
        try:
            await in_thread(self._commit, snapshotter, layer, key, parent)
        except NeedsParent as reason:
            _log.info(
                "layer %s is unpacked once more, on top of its parent: %s", layer.descriptor.digest, reason.message
            )
            async with self._turn:
                await in_thread(snapshotter.remove, key)
                await self._stacked(layer, parent, snapshotter, unpack)

    async def _one_on_another(self, layers: Sequence[Layer], snapshotter: Snapshotter, unpack: Unpack) -> None:
        fetched = [asyncio.ensure_future(self._fetch_in_turn(layer.descriptor)) for layer in layers]
        parent = ""
        try:
            for layer, one in zip(layers, fetched, strict=True):
                await next_of(one, fetched)
                await self._stacked(layer, parent, snapshotter, unpack)
                parent = str(layer.chain_id)
        finally:
            await end_all(fetched)

    async def _streamed(self, layer: Layer, snapshotter: Snapshotter, unpack: Unpack) -> str:
        """The key of an active snapshot with the layer in it; "" where there is a committed one already."""
        async with self._turn:
            if await in_thread(_exists, snapshotter, layer):
                await self._fetch(layer.descriptor)
                self._tell(layer, Step.UNPACKED)
                return ""

            async def extract(job: UnpackJob) -> UnpackResult:
                result = await self._unpacked_while_fetched(layer, job, unpack)
                return result or await self._unpacked_from_store(layer, job, unpack)

            while True:
                with suppress(WrongBytes):  # what came of them is gone, and the next host is asked
                    return await self._extracted(layer, "", snapshotter, extract)

    async def _stacked(self, layer: Layer, parent: str, snapshotter: Snapshotter, unpack: Unpack) -> None:
        """Have the snapshot of a layer whose blob, and whose parent, are there."""
        if await in_thread(_exists, snapshotter, layer):
            self._tell(layer, Step.UNPACKED)
            return

        async def extract(job: UnpackJob) -> UnpackResult:
            return await self._unpacked_from_store(layer, job, unpack)

        key = await self._extracted(layer, parent, snapshotter, extract)
        try:
            await in_thread(self._commit, snapshotter, layer, key, "")
        except BaseException as error:
            await in_thread(_discard, snapshotter, [key], error)
            raise

    async def _extracted(
        self,
        layer: Layer,
        parent: str,
        snapshotter: Snapshotter,
        extract: Callable[[UnpackJob], Awaitable[UnpackResult]],
    ) -> str:
        """The key of a new active snapshot with the layer in it, which is what the image says of it."""
        key = f"extract-{secrets.token_hex(8)} {layer.chain_id}"
        try:
            await in_thread(snapshotter.prepare, key, parent)
            target = await in_thread(snapshotter.layer_target, key, on_parent=bool(parent))
            job = UnpackJob(
                form=target.form.value,
                directory=target.directory,
                compression=layer.compression,
                user_xattr=target.user_xattr,
                mounts=tuple(LayerMount(one.type, one.source, one.options) for one in target.mounts),
                has_parent=layer.has_parent,
            )
            result = await extract(job)
            layer.must_be(result)
            self._results[key] = result
            # Not before: others believe the label.
            await in_thread(add_labels, self._content, layer.descriptor.digest, {UNCOMPRESSED: str(layer.diff_id)})
        except BaseException as error:
            await in_thread(_discard, snapshotter, [key], error)
            raise
        self._tell(layer, Step.UNPACKED)
        return key

    def _commit(self, snapshotter: Snapshotter, layer: Layer, key: str, parent: str) -> None:
        """Give an active snapshot the layer's name; "" is one that has it."""
        if not key:
            return
        try:
            result = self._results.pop(key)
            if result.needs_parent:
                raise NeedsParent("a hard link of the layer has its target in a layer below")
            snapshotter.commit(
                str(layer.chain_id),
                key,
                parent=parent or None,
                implied=result.implied,
                passed=result.passed,
                deleting=result.deleting,
            )
        except AlreadyExists:  # another process was faster: the same chain id is the same content
            snapshotter.remove(key)

    async def _unpacked_from_store(self, layer: Layer, job: UnpackJob, unpack: Unpack) -> UnpackResult:
        reader = await opened_in_thread(self._content.open, layer.descriptor.digest)
        with reader:
            stream_fd = os.dup(reader.fileno())
        os.lseek(stream_fd, 0, os.SEEK_SET)
        self._tell(layer, Step.UNPACKING)
        return await unpack(job, stream_fd)

    async def _unpacked_while_fetched(self, layer: Layer, job: UnpackJob, unpack: Unpack) -> UnpackResult | None:
        """The result where the blob was fetched from its first byte on; None where it is there, but not unpacked.

        An unpacker that fails ends the fetch, and its error is the one that is raised: at once, and not when the rest
        of a large layer has come. But once all bytes are there, their digest has the first word: what the unpacker
        says of wrong bytes is true of the registry's, and not of the image's. Where another host could be asked for
        them, the digest is waited for.
        """
        with closing(LayerStream(unpack, job)) as stream:
            unpacked = asyncio.ensure_future(stream.unpacked())
            fetched = asyncio.ensure_future(self._fetch(layer.descriptor, copy=stream))
            try:
                await asyncio.wait([fetched, unpacked], return_when=asyncio.FIRST_COMPLETED)
                if unpacked.done() and not stream.has_ended and not self._has_other_hosts(layer.descriptor):
                    unpacked.result()
                await fetched
                if not stream.is_begun:
                    return None
                self._tell(layer, Step.UNPACKING)
                return await unpacked
            finally:
                await end_all([fetched, unpacked])

    def _has_other_hosts(self, blob: Descriptor) -> bool:
        return self._registry is not None and self._registry.has_other_hosts(blob)

    async def _fetch_in_turn(self, blob: Descriptor) -> None:
        async with self._turn:
            await self._fetch(blob)

    async def _fetch(self, blob: Descriptor, *, copy: Copy | None = None) -> None:
        if self._registry is None:
            await in_thread(self._content.info, blob.digest)  # raises NotFound
            return
        try:
            await fetch(self._content, self._registry, blob, watcher=self._watcher, labels=self._labels, copy=copy)
        except NotFound as err:
            if not blob.urls:
                raise
            # CVE-2020-15157: an image does not say which hosts are asked.
            raise NotFound(
                f"blob {blob.digest}: the registry does not have it, and the place that the image names, "
                f"{shown(blob.urls[0])}, is not asked",
                hint="push the image again together with its layers that are not for distribution",
            ) from err

    def _tell(self, layer: Layer, step: Step) -> None:
        self._watcher.happened(Event(layer.descriptor.digest, step))


def _exists(snapshotter: Snapshotter, layer: Layer) -> bool:
    try:
        snapshotter.info(str(layer.chain_id))
    except NotFound:
        return False
    return True


def _discard(snapshotter: Snapshotter, keys: Sequence[str], error: BaseException) -> None:
    """Remove active snapshots, those that are still there, because of an error."""
    for key in filter(None, keys):
        try:
            snapshotter.remove(key)
        except NotFound:
            continue
        except OrlopError as second:
            error.add_note(f"and what was unpacked is left for a collection: {second}")
