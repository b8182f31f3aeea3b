"""What we want to be true of the times, and the verdict on each of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modes import CALM, STORM
from runtimes import ALONE, COLD, WARM
from summary import BURST

if TYPE_CHECKING:
    from summary import Results

MIB = 1 << 20


@dataclass(frozen=True)
class Target:
    """A bound on one runtime's median, as a share of another's."""

    what: str
    mode: str
    runtime: str
    peer: str
    share: float

    def verdict(self, results: Results) -> str:
        """One line: kept, missed, or not measured."""
        mode = "" if self.mode == BURST else f", {self.mode}"
        claim = f"{self.what}{mode}: {self.runtime} <= {self.share} x {self.peer}"
        ratio = results.ratio(self.what, self.mode, self.runtime, self.peer)
        if ratio is None:
            return f"not measured: {claim}"
        return f"{_kept(is_kept=ratio <= self.share)}: {claim}: {ratio:.3f} x"


TARGETS = (
    Target("run", STORM, WARM, "crun", 0.45),
    Target("run", CALM, WARM, "crun", 0.2),
    Target("run", STORM, COLD, "runc", 0.7),
    Target("run", CALM, COLD, "runc", 0.7),
    Target("run", CALM, COLD, "crun", 0.9),
    Target("run", STORM, ALONE, "crun", 0.5),
    Target("run", CALM, ALONE, "crun", 0.15),
    Target("exec", STORM, WARM, "crun", 0.5),
    Target("exec", CALM, WARM, "crun", 0.2),
    Target("create", CALM, WARM, "crun", 0.2),
    Target("start", STORM, WARM, "crun", 0.6),
    Target("start", CALM, WARM, "crun", 0.6),
    Target("delete", STORM, WARM, "crun", 0.6),
    Target("delete", CALM, WARM, "crun", 0.6),
    Target("state", STORM, WARM, "crun", 1.0),
    Target("state", CALM, WARM, "crun", 1.0),
    Target("parallel", BURST, WARM, "crun", 0.5),
    Target("v2", STORM, WARM, "runc", 0.25),
    Target("v2", CALM, WARM, "runc", 0.15),
)


def verdicts(results: Results) -> list[str]:
    """A line for each target: kept, missed, or not measured."""
    floors = results.memory_floor_bytes
    return [target.verdict(results) for target in TARGETS] + [
        _size("size of orun", results.orun_size_bytes, MIB),
        _size("peak memory of the executor", results.executor_peak_bytes, 3 * MIB // 2),
        _size("smallest memory limit of orun", floors.get(WARM) or floors.get(COLD), MIB // 2),
    ]


def _size(what: str, found_bytes: int | None, limit_bytes: int) -> str:
    claim = f"{what} <= {limit_bytes / 1024:.0f} KiB"
    if found_bytes is None:
        return f"not measured: {claim}"
    return f"{_kept(is_kept=found_bytes <= limit_bytes)}: {claim}: {found_bytes / 1024:.0f} KiB"


def _kept(*, is_kept: bool) -> str:
    return "kept" if is_kept else "MISSED"
