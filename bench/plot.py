"""The medians as a picture: an SVG of bars, a panel for each thing that was timed, readable on light and dark pages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from report import TITLES
from runtimes import OURS

if TYPE_CHECKING:
    from summary import Results

_WIDTH = 920
_COLUMNS = 2
_GAP = 30
_LABEL = 92
_VALUE = 56  # beside the longest bar
_BAR = 11
_ROW_GAP = 7
_TITLE = 26
_LEGEND = 34
_PANEL = (_WIDTH - _GAP * (_COLUMNS + 1)) / _COLUMNS

# Of the bars, one shade for each mode; what is neither fits both pages.
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 13px; }
.value { font-size: 10px; fill: #59636e; }
.axis { stroke: #8c959f; }
.ours.first { fill: #0969da; } .ours.second { fill: #80b9f5; }
.peer.first { fill: #6e7781; } .peer.second { fill: #b7bec6; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .value { fill: #9198a1; } .axis { stroke: #6e7681; }
  .ours.first { fill: #4493f8; } .ours.second { fill: #1f5296; }
  .peer.first { fill: #9198a1; } .peer.second { fill: #555d66; }
}
""".strip()


def plot(results: Results) -> str:
    """The picture, as a document of its own. Each panel has its own scale, as they are of different things."""
    parts = []
    heights = [_LEGEND] * _COLUMNS
    for what in TITLES:
        if _complete(results, what):
            column = heights.index(min(heights))
            panel, height = _panel(results, what, _GAP + column * (_PANEL + _GAP), heights[column])
            parts += panel
            heights[column] += height
    height = max(heights)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            "<title>Median times of container runtimes in milliseconds; shorter is better</title>",
            f"<style>{_STYLE}</style>",
            *_legend(),
            *parts,
            "</svg>",
            "",
        ]
    )


def _legend() -> list[str]:
    entries = (
        ("ours first", "orun, storm"),
        ("ours second", "orun, calm"),
        ("peer first", "peers, storm"),
        ("peer second", "peers, calm"),
    )
    lines = []
    for number, (classes, text) in enumerate(entries):
        x = _GAP + 120 * number
        lines += [_bar(classes, x, 12, 12), _text("", x + 18, 21, text)]
    return [*lines, _text("value", _WIDTH - _GAP, 21, "medians in ms, shorter is better", anchor="end")]


def _panel(results: Results, what: str, left: float, top: int) -> tuple[list[str], int]:
    """The elements of a panel, and its height."""
    modes = list(results.times_ms[what])
    runtimes = _complete(results, what)
    medians = {
        (runtime, mode): spread.median_ms
        for runtime in runtimes
        for mode in modes
        if (spread := results.spread(what, mode, runtime))
    }
    scale = (_PANEL - _LABEL - _VALUE) / max(medians.values())
    lines = [_text("title", left, top + 16, TITLES[what])]
    y = first = top + _TITLE
    for runtime in runtimes:
        side = "ours" if runtime in OURS else "peer"
        middle = y + len(modes) * _BAR / 2
        lines.append(_text("", left + _LABEL - 6, middle + 4, runtime, anchor="end"))
        for mode, shade in zip(modes, ("first", "second"), strict=False):
            median_ms = medians[runtime, mode]
            width = max(1, median_ms * scale)
            lines.append(_bar(f"{side} {shade}", left + _LABEL, y, width, f"{runtime}, {mode}"))
            lines.append(_text("value", left + _LABEL + width + 4, y + 9, _number(median_ms)))
            y += _BAR
        y += _ROW_GAP
    axis = left + _LABEL
    lines.append(f'<line class="axis" x1="{axis:g}" y1="{first - 2}" x2="{axis:g}" y2="{y - _ROW_GAP + 2}"/>')
    return lines, y - top + 10


def _complete(results: Results, what: str) -> list[str]:
    """Who did not fail in the middle: few times that went well are no picture of a runtime."""
    return [runtime for runtime in results.runtimes(what) if results.is_complete(what, runtime)]


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def _bar(classes: str, x: float, y: float, width: float, hint: str = "") -> str:
    height = _BAR - 1
    title = f"<title>{escape(hint)}</title>" if hint else ""
    return f'<rect class="{classes}" x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height}">{title}</rect>'


def _text(classes: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text class="{classes}" x="{x:.1f}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
