"""Unit tests of the insight layer."""
