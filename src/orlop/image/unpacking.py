"""Which snapshotter gets an image's layers: the first that can hold them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import NotImplementedFeature

from .concurrency import in_thread
from .contract import GC_REF_SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .contract import Stores
    from .documents import Chosen
    from .layers import LayerWork, Unpack

_log = logging.getLogger(__name__)


class Unpacked(NamedTuple):
    """Where an image's layers are: the snapshotter, and the name of the snapshot of all of them."""

    snapshotter: str
    snapshot: str


async def unpack_image(
    work: LayerWork,
    chosen: Chosen,
    stores: Stores,
    names: Sequence[str],
    unpack: Unpack,
    *,
    lease_id: str,
) -> Unpacked:
    """Have all layers in one of the snapshotters `names`, the best first; the image's configuration holds them there.

    One that has them already is taken, so that what another could not hold is not tried again each time. No other than
    those that are needed are opened.

    Raises:
        NotImplementedFeature: none of them can hold the layers: what the last one says.
    """
    content = stores.content(lease_id=lease_id)
    labels = (await in_thread(content.info, chosen.manifest.config.digest)).labels
    having = [name for name in names if chosen.snapshot and labels.get(_label(name)) == chosen.snapshot]
    *others, last = having[:1] or names
    for name in others:
        try:
            return await _unpack(work, chosen, stores, name, unpack, lease_id=lease_id)
        except NotImplementedFeature as err:
            _log.warning("%s cannot hold this image, the next snapshotter gets it: %s", name, err.message)
    return await _unpack(work, chosen, stores, last, unpack, lease_id=lease_id)


async def _unpack(
    work: LayerWork, chosen: Chosen, stores: Stores, name: str, unpack: Unpack, *, lease_id: str
) -> Unpacked:
    snapshotter = await in_thread(stores.snapshotter, name, lease_id=lease_id)
    snapshot = await work.unpack_all(chosen.layers, snapshotter, unpack)
    if snapshot:
        content = stores.content(lease_id=lease_id)
        await in_thread(content.update_labels, chosen.manifest.config.digest, {_label(name): snapshot})
    return Unpacked(name, snapshot)


def _label(name: str) -> str:
    """The label by which a configuration holds the snapshot of all layers, as containerd does."""
    return f"{GC_REF_SNAPSHOT}.{name}"
