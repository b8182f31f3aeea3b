"""What a run of the benchmark found: all times, and what they say (medians, percentiles, ratios)."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

BURST = "burst"  # the mode of what is started all at once; the others are in modes.py


def percentile(values: list[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed, interpolated between neighbours.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


@dataclass(frozen=True)
class Spread:
    """Of the times of one runtime in one mode, in milliseconds."""

    runs: int
    median_ms: float
    p90_ms: float
    least_ms: float

    @classmethod
    def of(cls, times_ms: list[float]) -> Self:
        """The spread of these times, of which there is at least one."""
        return cls(len(times_ms), percentile(times_ms, 50), percentile(times_ms, 90), min(times_ms))


@dataclass
class Results:
    """`times_ms` is by what was timed (a part of the benchmark, or a verb), then by mode, then by runtime."""

    versions: dict[str, str] = field(default_factory=dict)
    times_ms: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    memory_floor_bytes: dict[str, int | None] = field(default_factory=dict)
    orun_size_bytes: int | None = None
    executor_peak_bytes: int | None = None
    machine: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_failed: bool = False
    """One of ours failed in the middle."""

    def add(self, what: str, mode: str, runtime: str, times_ms: list[float]) -> None:
        """Keep times, behind those that are there."""
        self.times_ms.setdefault(what, {}).setdefault(mode, {}).setdefault(runtime, []).extend(times_ms)

    def failed(self, part: str, runtime: str, why: str, *, is_ours: bool) -> None:
        """Keep what went wrong in the middle of a part. What was timed before stays."""
        self.notes.append(f"{part} failed in the middle: {runtime}: {why}")
        self.has_failed = self.has_failed or is_ours

    def spread(self, what: str, mode: str, runtime: str) -> Spread | None:
        """How one runtime's times lie; None when it was not measured."""
        times = self.times_ms.get(what, {}).get(mode, {}).get(runtime)
        return Spread.of(times) if times else None

    def ratio(self, what: str, mode: str, runtime: str, peer: str) -> float | None:
        """One median as a share of another."""
        ours, theirs = self.spread(what, mode, runtime), self.spread(what, mode, peer)
        return ours.median_ms / theirs.median_ms if ours and theirs else None

    def runtimes(self, what: str) -> list[str]:
        """Who was measured in at least one mode, in the order of `versions`."""
        measured = {runtime for by_runtime in self.times_ms.get(what, {}).values() for runtime in by_runtime}
        return [runtime for runtime in self.versions if runtime in measured]

    def most_runs(self, what: str) -> int:
        """How often those were timed that did not fail in the middle; 0 when nobody was."""
        return max(map(len, self._all_times(what)), default=0)

    def is_complete(self, what: str, runtime: str) -> bool:
        """Whether a runtime was timed as often as any other, in every mode."""
        by_mode = self.times_ms.get(what, {}).values()
        return all(len(by_runtime.get(runtime, [])) == self.most_runs(what) for by_runtime in by_mode)

    def _all_times(self, what: str) -> list[list[float]]:
        return [times for by_runtime in self.times_ms.get(what, {}).values() for times in by_runtime.values()]

    def merge(self, other: Results) -> None:
        """Take what another process measured. Where both have the same, the other's counts."""
        self.versions |= {name: version for name, version in other.versions.items() if name not in self.versions}
        self.times_ms |= other.times_ms
        self.memory_floor_bytes |= other.memory_floor_bytes
        self.orun_size_bytes = other.orun_size_bytes or self.orun_size_bytes
        self.executor_peak_bytes = other.executor_peak_bytes or self.executor_peak_bytes
        self.machine += other.machine
        self.notes += [note for note in other.notes if note not in self.notes]
        self.has_failed = self.has_failed or other.has_failed

    def to_json(self) -> str:
        """All of it, for `from_json` and for whoever wants to draw something else."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        return cls(**json.loads(text))
