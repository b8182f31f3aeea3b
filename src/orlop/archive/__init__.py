"""Layers and other tar archives: headers read and written, compression, limits, extraction in a confined process."""
