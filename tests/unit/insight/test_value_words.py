"""Every value that the specification defines is explained."""

from __future__ import annotations

from orlop.insight.value_words import (
    CAPABILITY_WORDS,
    FILE_SYSTEM_WORDS,
    MOUNT_OPTION_WORDS,
    NAMESPACE_WORDS,
    RLIMIT_WORDS,
    SECCOMP_ACTION_WORDS,
    STRONG_CAPABILITIES,
)
from orlop.oci.config_names import CAPABILITY_NAMES, NAMESPACE_TYPES, RLIMIT_NAMES, SECCOMP_ACTIONS
from orlop.oci.default_spec import default_spec


def test_no_value_is_forgotten() -> None:
    assert set(CAPABILITY_WORDS) == set(CAPABILITY_NAMES)
    assert set(NAMESPACE_WORDS) == set(NAMESPACE_TYPES)
    assert set(RLIMIT_WORDS) == set(RLIMIT_NAMES)
    assert set(SECCOMP_ACTION_WORDS) == set(SECCOMP_ACTIONS)


def test_the_strong_capabilities_are_capabilities() -> None:
    assert set(CAPABILITY_NAMES) > STRONG_CAPABILITIES


def test_the_default_file_systems_are_explained() -> None:
    assert {mount["type"] for mount in default_spec(rootless=False)["mounts"]} <= set(FILE_SYSTEM_WORDS)


def test_an_option_is_explained_that_restricts() -> None:
    assert list(MOUNT_OPTION_WORDS) == ["ro", "nosuid", "nodev", "noexec", "nosymfollow"]
