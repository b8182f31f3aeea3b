"""Chain ids (config.md, "Layer ChainID"): a name for layers that are applied one on top of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable


def chain_ids(diff_ids: Iterable[Digest]) -> list[Digest]:
    """The chain id of each prefix of a stack of layers, from the bottom on; the last one names the whole stack."""
    chain: list[Digest] = []
    for diff_id in diff_ids:
        chain.append(Digest.of(f"{chain[-1]} {diff_id}".encode("ascii")) if chain else diff_id)
    return chain
