"""What one difference of a peer is, and how a test that is listed as one is judged. Lists none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Difference:
    """What a peer does otherwise, and the tests that fail by it: `test_file.py::test_name`, or with its `[parameters]`.

    A listed test that passes is a failure of the run, so that the list stays true. `varies` says why a race or the
    machine decides instead. With `leaves` the test itself passes, and the check after it finds something.
    """

    title: str
    tests: tuple[str, ...]
    varies: str = ""
    leaves: bool = False
    is_here: Callable[[], bool] = lambda: True


class Markable(Protocol):
    """What of an item `expect` needs."""

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        """Mark it."""


def difference_of(item: pytest.Item, differences: Iterable[Difference]) -> Difference | None:
    """The difference that lists this test."""
    name = f"{item.path.name}::{item.name}"
    names = (name, name.split("[", 1)[0])
    return next((one for one in differences if not set(names).isdisjoint(one.tests) and one.is_here()), None)


def expect(item: Markable, difference: Difference) -> None:
    """Let pytest expect that the test fails; what is left behind is judged by `judge_leftovers`."""
    if not difference.leaves:
        item.add_marker(pytest.mark.xfail(reason=difference.title, strict=not difference.varies))


def judge_leftovers(report: pytest.TestReport, difference: Difference) -> None:
    """Turn the failure of the check after a test into an expected one, and its success into a failure."""
    if report.when != "teardown":
        return
    if report.failed:
        report.outcome = "skipped"
        report.wasxfail = difference.title
    elif report.passed and not difference.varies:
        report.outcome = "failed"
        report.longrepr = f"[XPASS(strict)] {difference.title}"
