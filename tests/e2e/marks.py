"""The one marker of this suite."""

from __future__ import annotations

import pytest


def orun_only(reason: str) -> pytest.MarkDecorator:
    """A rule that an established runtime does not keep, and why orun does; skipped on any other runtime."""
    return pytest.mark.orun_only(reason)
