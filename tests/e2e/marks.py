"""The markers of this suite."""

from __future__ import annotations

import pytest


def orun_only(reason: str) -> pytest.MarkDecorator:
    """A rule that an established runtime does not keep, and why orun does; skipped on any other runtime."""
    return pytest.mark.orun_only(reason)


def cold_only(reason: str) -> pytest.MarkDecorator:
    """A rule about the planner that a command starts for itself; with a resident planner there is none."""
    return pytest.mark.cold_only(reason)
