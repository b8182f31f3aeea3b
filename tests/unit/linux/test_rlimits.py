"""Resource limits by name."""

from __future__ import annotations

import resource

import pytest

from orlop.linux.rlimits import RLIMIT_NUMBERS


@pytest.mark.parametrize(
    "name", [name for name in dir(resource) if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"]
)
def test_numbers_are_those_of_the_c_library(name: str) -> None:
    assert RLIMIT_NUMBERS[name] == getattr(resource, name)


def test_there_are_sixteen() -> None:
    assert sorted(RLIMIT_NUMBERS.values()) == list(range(16))
