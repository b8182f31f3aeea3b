"""A set of paths in little memory."""

from __future__ import annotations

import sys

from orlop.archive.unpacked_paths import UnpackedPaths


def test_a_path_is_in_it_or_not() -> None:
    paths = UnpackedPaths()
    for n in range(0, 20_000, 2):
        paths.add(b"dir/%d" % n)
    assert all((b"dir/%d" % n in paths) == (n % 2 == 0) for n in range(20_000))


def test_it_takes_little_memory() -> None:
    paths = UnpackedPaths()
    for n in range(100_000):
        paths.add(b"some/directory/with/a/name/%d" % n)
    assert sum(sys.getsizeof(bucket) for bucket in paths._buckets if bucket is not None) < 100_000 * 16
