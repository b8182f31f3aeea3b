"""orun must find the verb before Python runs, since it decides by it whether to seal itself (CVE-2019-5736)."""

from __future__ import annotations

import re

from orlop.runtime.command_line import BOOL, GLOBAL_FLAGS

from .source_tree import REPOSITORY


def test_orun_knows_every_global_option_that_has_a_value() -> None:
    source = (REPOSITORY / "csrc" / "front.c").read_text(encoding="utf-8")
    found = re.search(r"with_value\[\] = \{([^}]*)\}", source)
    assert found is not None
    known = set(re.findall(r'"([^"]*)"', found[1]))
    wanted = {
        f"{dash}{name}" for flag in GLOBAL_FLAGS if flag.kind != BOOL for name in flag.names for dash in ("-", "--")
    }
    assert wanted - known == set()
