"""The two modes of timing, because the kernel makes them differ by a factor of four.

*Storm*: one runtime's commands right behind one another, in blocks. *Calm*: a pause before each command, runtimes in
random order. Never one runtime right behind another: the kernel takes namespaces, cgroups and mounts of the first down
later, and the second would pay.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STORM, CALM = "storm", "calm"
MODES = (STORM, CALM)
BLOCK = 20
_PAUSE_BETWEEN_BLOCKS_S = 0.5
_PAUSE_WHEN_CALM_S = 0.05

_T = TypeVar("_T")


def storm_blocks(things: Sequence[_T], runs: int) -> Iterator[tuple[_T, int]]:
    """A thing and how often to time it in a row, in random order, a pause before each; each `runs` times in all."""
    sizes = [min(BLOCK, runs - done) for done in range(0, runs, BLOCK)]
    blocks = [(thing, size) for thing in things for size in sizes]
    random.shuffle(blocks)
    for block in blocks:
        time.sleep(_PAUSE_BETWEEN_BLOCKS_S)
        yield block


def calm_turns(things: Sequence[_T], runs: int) -> Iterator[_T]:
    """Each thing `runs` times, in random order and with a pause before."""
    order = [thing for thing in things for _ in range(runs)]
    random.shuffle(order)
    for thing in order:
        pause_when_calm()
        yield thing


def pause_when_calm() -> None:
    """Wait until the kernel has taken down what was there before."""
    time.sleep(_PAUSE_WHEN_CALM_S)
