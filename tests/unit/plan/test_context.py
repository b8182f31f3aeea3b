"""The compiler's input is plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.oci.container_id import parse_container_id
from orlop.plan.context import CreateRequest, HostFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.cgroups import CgroupPlacement


def test_facts_without_seccomp_and_home_have_none(placement: Callable[[str], CgroupPlacement]) -> None:
    facts = HostFacts(cgroups=placement("v2"), capability_mask=1)
    assert facts.seccomp is None
    assert facts.home == "/"


def test_a_request_is_detached_and_deleted_at_its_end_unless_it_says_otherwise() -> None:
    request = CreateRequest(
        container_id=parse_container_id("a"),
        bundle="/b",
        state_directory="/s",
        state_template=b"",
        config_data=b"{}",
        is_run=False,
    )
    assert request.is_detached
    assert not request.keep
    assert request.preserve_fds == 0
    assert request.keyring
