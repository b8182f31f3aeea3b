"""Huge page limits as files."""

from __future__ import annotations

import pytest

from orlop.plan.hugetlb import hugepage_writes

_LIMITS = [{"pageSize": "2MB", "limit": 4194304}, {"pageSize": "1GB", "limit": 0}]


@pytest.mark.parametrize(("is_unified", "name"), [(False, "limit_in_bytes"), (True, "max")])
def test_each_limit_is_for_use_and_where_the_kernel_can_for_reservations(*, is_unified: bool, name: str) -> None:
    assert list(hugepage_writes(_LIMITS, is_unified=is_unified)) == [
        ("hugepageLimits[0]", f"hugetlb.2MB.{name}", "4194304", False),
        ("hugepageLimits[0]", f"hugetlb.2MB.rsvd.{name}", "4194304", True),
        ("hugepageLimits[1]", f"hugetlb.1GB.{name}", "0", False),
        ("hugepageLimits[1]", f"hugetlb.1GB.rsvd.{name}", "0", True),
    ]


def test_no_limits_are_no_writes() -> None:
    assert list(hugepage_writes([], is_unified=True)) == []
