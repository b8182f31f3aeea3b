"""Limits of huge pages (config-linux.md, "Huge page limits") as cgroup files, of v1 or of the unified hierarchy."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


def hugepage_writes(limits: Sequence[dict[str, Any]], *, is_unified: bool) -> Iterator[tuple[str, str, str, bool]]:
    """For each file: the field below linux.resources, the file, the value, and whether an older kernel may lack it.

    Each limit counts twice, for what is used and for what is reserved (since Linux 5.7): a process that reserves more
    than it may use is refused by mmap, and not killed by SIGBUS later.
    """
    name = "max" if is_unified else "limit_in_bytes"
    for index, limit in enumerate(limits):
        for kind in ("", "rsvd."):
            field = f"hugepageLimits[{index}]"
            yield field, f"hugetlb.{limit['pageSize']}.{kind}{name}", str(limit["limit"]), bool(kind)
