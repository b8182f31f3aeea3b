"""The report for people: Markdown, as it stands in docs/performance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from targets import verdicts

if TYPE_CHECKING:
    from summary import Results

# What was timed, in the order of the report.
TITLES = {
    "run": "run of true",
    "exec": "exec of true in a running container",
    "create": "create",
    "start": "start",
    "state": "state",
    "delete": "delete",
    "parallel": "100 containers from 8 callers, all of them",
    "v2": "run of true on cgroup v2",
}
_COMPARED_WITH = ("runc", "crun")


def table(results: Results, what: str) -> list[str]:
    """The times of one thing as a table in Markdown, a row for each runtime and three or more columns for each mode."""
    runtimes = results.runtimes(what)
    peers = [peer for peer in _COMPARED_WITH if peer in runtimes]
    head = ["runtime"]
    for mode in results.times_ms[what]:
        head += [f"{mode} ms", "p90", *(f"x {peer}" for peer in peers)]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for runtime in runtimes:
        row = [runtime if results.is_complete(what, runtime) else f"{runtime} (failed)"]
        for mode in results.times_ms[what]:
            row += _cells(results, what, mode, runtime, peers)
        rows.append(row)
    return _aligned(rows)


def _cells(results: Results, what: str, mode: str, runtime: str, peers: list[str]) -> list[str]:
    spread = results.spread(what, mode, runtime)
    if spread is None:
        return [""] * (2 + len(peers))
    ratios = (results.ratio(what, mode, runtime, peer) for peer in peers)
    return [
        f"{spread.median_ms:.2f}",
        f"{spread.p90_ms:.2f}",
        *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
    ]


def _memory_table(results: Results) -> list[str]:
    rows = [["runtime", "KiB"], ["---", "---:"]]
    for runtime in results.versions:
        if runtime in results.memory_floor_bytes:
            floor = results.memory_floor_bytes[runtime]
            rows.append([runtime, "more than 65536" if floor is None else str(floor // 1024)])
    return _aligned(rows)


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def report(results: Results) -> list[str]:
    """The whole report, in lines."""
    lines = [f"- {line}" for line in results.machine]
    lines += [f"- {name}: {version}" for name, version in results.versions.items()]
    lines += [f"- {note}" for note in results.notes]
    for what, title in TITLES.items():
        if what in results.times_ms:
            lines += ["", f"**{title}** ({results.most_runs(what)} times):", "", *table(results, what)]
    if results.memory_floor_bytes:
        lines += ["", "**smallest memory limit with which a container of true starts**:", "", *_memory_table(results)]
    return [*lines, "", *(f"- {line}" for line in verdicts(results))]


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
