"""`orun run`: its declaration. What it does is in test_creation."""

from __future__ import annotations

from orlop.runtime.verb_create import CREATE_FLAGS
from orlop.runtime.verb_run import VERB


def test_it_takes_the_flags_of_create_and_its_own() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("run", 1, 1)
    assert set(VERB.flags) > set(CREATE_FLAGS)
    own = {name for flag in VERB.flags if flag not in CREATE_FLAGS for name in flag.names}
    assert own == {"detach", "d", "keep", "rm", "no-subreaper"}
