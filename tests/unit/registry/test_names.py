"""Names: the grammar of the distribution specification, and what is this machine."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest
from orlop.registry.names import check_domain, check_repository, is_loopback, is_tag, tag_or_digest


@pytest.mark.parametrize(
    "text", ["docker.io", "localhost:5000", "127.0.0.1:5000", "[::1]:5000", "a-b.example", "X.org"]
)
def test_domains(text: str) -> None:
    assert check_domain(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "a/b",
        "a_b",
        "a:port",
        "a:123456",
        "-a",
        "xn--a.org",
        "a" * 64 + ".org",
        "user@host",
        "a b",
        "a\n",
        ".",
    ],
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"registry: .* is not the name of a host"):
        check_domain(text)


@pytest.mark.parametrize("text", ["a", "library/busybox", "a__b/c---d/e.f", "0/1"])
def test_repositories(text: str) -> None:
    assert check_repository(text) == text


@pytest.mark.parametrize("text", ["", "A", "a//b", "/a", "a/", "a..b", "a___b", "../a", "a?b", "a/b\n", "a" * 256])
def test_what_is_no_repository_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"repository: .* is not the name of a repository"):
        check_repository(text)


def test_tags_and_digests_are_told_apart() -> None:
    assert tag_or_digest("v1.0") is None
    assert tag_or_digest("sha256:" + "a" * 64) == Digest("sha256", "a" * 64)
    assert is_tag("_" + "x" * 127)
    for wrong in ("", ".a", "-a", "a/b", "x" * 129, "a\n", "ä"):
        assert not is_tag(wrong)
        with pytest.raises(InvalidArgument, match="is not a tag"):
            tag_or_digest(wrong)
    with pytest.raises(InvalidArgument, match="reference"):
        tag_or_digest("sha256:abc")


def test_loopback() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.9.1", "::1")))
    assert not any(map(is_loopback, ("localhost.example", "10.0.0.1", "::2", "127.0.0.1.example", "0.0.0.0", "")))  # noqa: S104 -- no address to listen on
