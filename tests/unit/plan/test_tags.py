"""Tags are told apart."""

from __future__ import annotations

from orlop.plan import tags


def test_every_tag_has_a_number_of_its_own_in_the_order_of_use() -> None:
    numbers = [value for name, value in vars(tags).items() if name.startswith("TAG_")]
    assert numbers == sorted(set(numbers))
    assert min(numbers) > 0
