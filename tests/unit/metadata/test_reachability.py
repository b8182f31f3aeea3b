"""Marking, over graphs that are written out and over random ones."""

from __future__ import annotations

import random

import pytest

from orlop.metadata.reachability import Graph, Node


def node(name: str) -> Node:
    return Node("content", "default", name)


def names(graph: Graph) -> str:
    return "".join(sorted(one.key for one in graph.reachable()))


def test_nothing_is_kept_without_a_hold() -> None:
    graph = Graph()
    graph.add_reference(node("a"), node("b"))
    graph.add_part(node("b"), node("c"))
    assert names(graph) == ""


def test_a_hold_keeps_parts_and_references_and_theirs() -> None:
    graph = Graph()
    graph.hold(node("a"))
    graph.add_reference(node("a"), node("b"))
    graph.add_part(node("b"), node("c"))
    graph.add_reference(node("c"), node("d"))
    graph.add_reference(node("x"), node("a"))
    assert names(graph) == "abcd"


def test_a_flat_hold_keeps_parts_only() -> None:
    graph = Graph()
    graph.hold(node("a"), is_flat=True)
    graph.add_part(node("a"), node("b"))
    graph.add_part(node("b"), node("c"))
    graph.add_reference(node("a"), node("x"))
    graph.add_reference(node("c"), node("y"))
    assert names(graph) == "abc"


def test_a_full_hold_of_the_same_thing_wins_over_a_flat_one() -> None:
    graph = Graph()
    graph.hold(node("a"), is_flat=True)
    graph.add_reference(node("a"), node("b"))
    graph.hold(node("z"))
    graph.add_reference(node("z"), node("a"))
    assert names(graph) == "abz"


def test_circles_end() -> None:
    graph = Graph()
    graph.hold(node("a"))
    graph.hold(node("c"), is_flat=True)
    graph.add_reference(node("a"), node("b"))
    graph.add_reference(node("b"), node("a"))
    graph.add_part(node("c"), node("c"))
    assert names(graph) == "abc"


def test_namespaces_and_kinds_are_apart() -> None:
    graph = Graph()
    graph.hold(Node("content", "a", "x"))
    graph.add_reference(Node("content", "b", "x"), Node("content", "b", "y"))
    graph.add_reference(Node("images", "a", "x"), Node("content", "a", "z"))
    assert graph.reachable() == {Node("content", "a", "x")}


def test_a_chain_of_any_length() -> None:
    graph = Graph()
    graph.hold(node("0"))
    for number in range(50_000):
        graph.add_part(node(str(number)), node(str(number + 1)))
    assert len(graph.reachable()) == 50_001


def _by_definition(
    holds: set[int], flat: set[int], parts: set[tuple[int, int]], references: set[tuple[int, int]]
) -> set[int]:
    """The definition, word by word: grow both sets until nothing changes."""
    full, kept = set(holds), set(flat)
    while True:
        more = {target for source, target in parts | references if source in full}
        more_kept = {target for source, target in parts if source in kept}
        if more <= full and more_kept <= kept:
            return full | kept
        full |= more
        kept |= more_kept


@pytest.mark.parametrize("seed", range(200))
def test_random_graphs_follow_the_definition(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    size = chance.randint(1, 30)

    def some(count: int) -> set[int]:
        return {chance.randrange(size) for _ in range(chance.randint(0, count))}

    def edges() -> set[tuple[int, int]]:
        return {(chance.randrange(size), chance.randrange(size)) for _ in range(chance.randint(0, 2 * size))}

    holds, flat, parts, references = some(3), some(3), edges(), edges()
    graph = Graph()
    for one in holds:
        graph.hold(node(str(one)))
    for one in flat:
        graph.hold(node(str(one)), is_flat=True)
    for source, target in parts:
        graph.add_part(node(str(source)), node(str(target)))
    for source, target in references:
        graph.add_reference(node(str(source)), node(str(target)))
    expected = {node(str(one)) for one in _by_definition(holds, flat, parts, references)}
    assert graph.reachable() == expected
    assert graph.reachable() == expected, "asking changes nothing"
