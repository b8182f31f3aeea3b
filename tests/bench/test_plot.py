"""The picture of the benchmark."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from plot import plot
from summary import Results

_SVG = "{http://www.w3.org/2000/svg}"


def _drawn() -> ET.Element:
    results = Results(versions={"orun warm": "1", "runc <new>": "1", "youki": "1"})
    for what in ("run", "exec", "state"):
        results.add(what, "storm", "orun warm", [4.0])
        results.add(what, "calm", "orun warm", [2.0])
        results.add(what, "storm", "runc <new>", [16.0])
        results.add(what, "calm", "runc <new>", [32.0])
    results.add("run", "storm", "youki", [64.0])
    results.add("parallel", "burst", "runc <new>", [812.4])
    return ET.fromstring(plot(results))  # noqa: S314 (our own text)


def _bars(svg: ET.Element) -> list[tuple[str, float, str]]:
    """Class, width and hint of each bar; those of the legend have no hint."""
    return [
        (bar.attrib["class"], float(bar.attrib["width"]), title.text or "")
        for bar in svg.iter(f"{_SVG}rect")
        if (title := bar.find(f"{_SVG}title")) is not None
    ]


def test_bars_are_as_long_as_the_medians_of_a_panel() -> None:
    run = {hint: width for _, width, hint in _bars(_drawn())[:4]}
    assert list(run) == ["orun warm, storm", "orun warm, calm", "runc <new>, storm", "runc <new>, calm"]
    longest = run["runc <new>, calm"]
    assert abs(run["runc <new>, storm"] / longest - 0.5) < 0.01
    assert abs(run["orun warm, calm"] / longest - 0.0625) < 0.01


def test_ours_and_peers_storm_and_calm_look_different() -> None:
    assert [(classes, hint) for classes, _, hint in _bars(_drawn())[:4]] == [
        ("ours first", "orun warm, storm"),
        ("ours second", "orun warm, calm"),
        ("peer first", "runc <new>, storm"),
        ("peer second", "runc <new>, calm"),
    ]


def test_who_failed_in_the_middle_is_not_drawn() -> None:
    assert not any("youki" in hint for _, _, hint in _bars(_drawn()))


def test_each_panel_has_its_title_and_each_bar_its_number() -> None:
    texts = [text.text for text in _drawn().iter(f"{_SVG}text")]
    assert "run of true" in texts
    assert "state" in texts
    assert "create" not in texts, "what was not timed has no panel"
    assert {"4.00", "16.0", "812"} <= set(texts)


def test_nothing_stands_outside_the_picture() -> None:
    svg = _drawn()
    width, height = float(svg.attrib["width"]), float(svg.attrib["height"])
    for bar in svg.iter(f"{_SVG}rect"):
        x, y = float(bar.attrib["x"]), float(bar.attrib["y"])
        assert 0 <= x < x + float(bar.attrib["width"]) <= width
        assert 0 <= y < y + float(bar.attrib["height"]) <= height
    for text in svg.iter(f"{_SVG}text"):
        assert 0 < float(text.attrib["y"]) < height


def test_the_picture_follows_the_reader_to_a_dark_page() -> None:
    style = _drawn().find(f"{_SVG}style")
    assert style is not None
    assert "prefers-color-scheme: dark" in (style.text or "")
