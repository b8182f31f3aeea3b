"""The one list of what other runtimes do otherwise: by peer, then by area."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import differences_crun, differences_runc

if TYPE_CHECKING:
    from .difference import Difference

# The versions are Debian 12's: each entry was tried on them.
PEERS: dict[str, tuple[str, dict[str, tuple[Difference, ...]]]] = {
    "runc": ("1.1.5", differences_runc.AREAS),
    "crun": ("1.8.1", differences_crun.AREAS),
}
DIFFERENCES: dict[str, tuple[Difference, ...]] = {
    peer: tuple(one for area in areas.values() for one in area) for peer, (_, areas) in PEERS.items()
}
