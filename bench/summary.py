"""What measured times say: medians, percentiles, ratios, the verdicts on our targets, and the table for people."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

MODES = ("storm", "calm")


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
    def of(cls, times_ms: list[float]) -> Spread:
        """The spread of these times, of which there is at least one."""
        return cls(len(times_ms), percentile(times_ms, 50), percentile(times_ms, 90), min(times_ms))


@dataclass(frozen=True)
class Target:
    """A bound on one runtime's median in a mode, as a share of another's."""

    runtime: str
    peer: str
    mode: str
    share: float


TARGETS = (
    Target("orun", "runc", "storm", 0.8),
    Target("orun", "runc", "calm", 0.8),
    Target("orun", "crun", "calm", 0.9),
    Target("executor", "crun", "storm", 0.5),
    Target("executor", "crun", "calm", 0.15),
)


@dataclass
class Results:
    """All that a run of the benchmark found. `times_ms` is by mode, then by runtime."""

    versions: dict[str, str]
    times_ms: dict[str, dict[str, list[float]]] = field(default_factory=lambda: {mode: {} for mode in MODES})
    machine: list[str] = field(default_factory=list)
    orun_size_bytes: int | None = None
    executor_peak_bytes: int | None = None
    notes: list[str] = field(default_factory=list)

    def spread(self, mode: str, runtime: str) -> Spread | None:
        """How one runtime's times lie in a mode; None when it was not measured."""
        times = self.times_ms[mode].get(runtime)
        return Spread.of(times) if times else None

    def ratio(self, mode: str, runtime: str, peer: str) -> float | None:
        """One median as a share of another."""
        ours, theirs = self.spread(mode, runtime), self.spread(mode, peer)
        return ours.median_ms / theirs.median_ms if ours and theirs else None


def table(results: Results) -> list[str]:
    """The times as a table in Markdown, a line each."""
    peers = [peer for peer in ("runc", "crun") if any(peer in results.times_ms[mode] for mode in MODES)]
    head = ["mode", "runtime", "runs", "median ms", "p90 ms", "least ms", *(f"x {peer}" for peer in peers)]
    rows = [head, ["---", "---", *["---:"] * (len(head) - 2)]]
    for mode in MODES:
        for runtime in results.times_ms[mode]:
            spread = results.spread(mode, runtime)
            if spread is None:
                continue
            ratios = (results.ratio(mode, runtime, peer) for peer in peers)
            times = (f"{value:.2f}" for value in (spread.median_ms, spread.p90_ms, spread.least_ms))
            shown = ("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
            rows.append([mode, runtime, str(spread.runs), *times, *shown])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["| " + " | ".join(_padded(row, widths)) + " |" for row in rows]


def _padded(row: list[str], widths: list[int]) -> list[str]:
    cells = []
    for column, (text, width) in enumerate(zip(row, widths, strict=True)):
        cells.append(text.ljust(width) if column < 2 else text.rjust(width))
    return cells


def verdicts(results: Results) -> list[str]:
    """A line for each target: kept, missed, or not measured."""
    lines = []
    for target in TARGETS:
        claim = f"{target.runtime} <= {target.share} x {target.peer}, {target.mode}"
        ratio = results.ratio(target.mode, target.runtime, target.peer)
        if ratio is None:
            lines.append(f"not measured: {claim}")
        else:
            lines.append(f"{'kept' if ratio <= target.share else 'MISSED'}: {claim}: {ratio:.3f} x")
    for claim, found, limit in (
        ("size of orun <= 1 MiB", results.orun_size_bytes, 1 << 20),
        ("peak memory of the executor <= 1.5 MiB", results.executor_peak_bytes, 3 << 19),
    ):
        if found is None:
            lines.append(f"not measured: {claim}")
        else:
            lines.append(f"{'kept' if found <= limit else 'MISSED'}: {claim}: {found / 1024:.0f} KiB")
    return lines


def report(results: Results) -> list[str]:
    """The whole report, in lines of Markdown."""
    versions = [f"- {name}: {version}" for name, version in results.versions.items()]
    notes = [f"- {note}" for note in results.notes]
    machine = [f"- {line}" for line in results.machine]
    claims = [f"- {line}" for line in verdicts(results)]
    return [*machine, *versions, *notes, "", *table(results), "", *claims]


def between_markers(document: str, name: str, lines: list[str]) -> str:
    """The document with what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->` replaced.

    Raises:
        ValueError: a marker is missing.
    """
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    head, found_begin, rest = document.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"the document has no markers {begin.strip()} and {end}")
    return head + begin + "\n".join(lines) + "\n" + end + tail
