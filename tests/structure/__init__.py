"""Tests of the tree itself: what imports what, what has tests, what the generated files say."""
