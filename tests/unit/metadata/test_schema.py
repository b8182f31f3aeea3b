"""The steps of the schema: version 1 as it was published never changes."""

from __future__ import annotations

import hashlib

from orlop.metadata import schema


def test_the_version_counts_the_steps() -> None:
    assert len(schema.STEPS) == schema.VERSION


def test_each_step_is_as_it_was_published() -> None:
    """A database of that version exists on machines; a new table or column is a new step."""
    published = [hashlib.sha256("\n".join(step).encode()).hexdigest()[:16] for step in schema.STEPS]
    assert published == ["35c882968d66ee9d"]
