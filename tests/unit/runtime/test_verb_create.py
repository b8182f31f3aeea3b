"""`orun create`: its declaration. What it does is in test_creation."""

from __future__ import annotations

from orlop.runtime.verb_create import CREATE_FLAGS, VERB


def test_it_takes_one_id_and_runcs_flags() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("create", 1, 1)
    assert {name for flag in CREATE_FLAGS for name in flag.names} == {
        "bundle",
        "b",
        "console-socket",
        "pidfd-socket",
        "pid-file",
        "no-pivot",
        "no-new-keyring",
        "preserve-fds",
    }
