"""Which host is asked next when bytes turned out to be wrong, and what is told when none is left."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, OrlopError
from orlop.registry.client import RegistryClient
from orlop.registry.credentials import Anonymous
from orlop.registry.host import Capability, Host
from registry.blob_file import described
from registry.served import QUICK

if TYPE_CHECKING:
    import pytest

    from orlop.registry.blob_hosts import BlobHosts

BLOB = described(b"content")
A, B, C = (Host(scheme="https", authority=name) for name in ("a.example", "b.example", "c.example"))
PUSHES = Host(scheme="https", authority="p.example", capabilities=frozenset({Capability.PUSH}))


def client(*hosts: Host) -> RegistryClient:
    return RegistryClient("r.example", "a/b", hosts, Anonymous(), QUICK)


def hosts_of(*hosts: Host) -> BlobHosts:
    return client(*hosts)._hosts_of(BLOB)


def failure(found: OrlopError | None) -> str:
    assert isinstance(found, FailedPrecondition)
    return str(found)


def test_a_host_that_may_not_be_asked_for_content_is_none_of_them() -> None:
    assert hosts_of(PUSHES, A).hosts == [A]
    assert client(PUSHES, A, B).has_other_hosts(BLOB)
    assert not client(PUSHES, A).has_other_hosts(BLOB)


def test_who_sent_it_is_asked_no_more(caplog: pytest.LogCaptureFixture) -> None:
    hosts = hosts_of(A, B)
    hosts.begin()
    hosts.sent(A)
    with caplog.at_level(logging.WARNING):
        assert hosts.reject("wrong digest") is None
    assert hosts.hosts == [B]
    place = f"cannot fetch blob r.example/a/b@{BLOB.digest}: https://a.example"
    assert caplog.messages == [f"{place}: sent something else: wrong digest; asking https://b.example"]


def test_of_several_senders_the_last_one_gets_another_chance() -> None:
    hosts = hosts_of(A, B, C)
    hosts.begin()
    for host in (A, B, B):
        hosts.sent(host)
    assert hosts.reject("wrong digest") is None
    assert hosts.hosts == [B, C]


def test_a_fetch_begins_anew() -> None:
    hosts = hosts_of(A, B)
    hosts.sent(A)
    hosts.begin()
    hosts.sent(B)
    assert hosts.reject("wrong digest") is None
    assert hosts.hosts == [A]


def test_an_empty_blob_is_of_the_first_host() -> None:
    hosts = hosts_of(A, B)
    hosts.begin()
    assert hosts.reject("wrong digest") is None
    assert hosts.hosts == [B]


def test_without_another_host_the_error_names_each() -> None:
    registry = client(A, B)
    assert registry.reject_blob(BLOB, "one digest") is None
    text = failure(registry.reject_blob(BLOB, "another digest"))
    assert "https://b.example: sent something else: another digest (before that:" in text
    assert "https://a.example: sent something else: one digest)" in text
    assert text.endswith("pull again; if it stays so, the image must be pushed again")
