"""Where redirects may lead."""

from __future__ import annotations

import pytest
from yarl import URL

from orlop.errors import FailedPrecondition
from orlop.registry.host import Host
from orlop.registry.redirect import joined, redirect_target

SECURE = Host(scheme="https", authority="registry.example")
LOOPBACK = Host(scheme="http", authority="127.0.0.1:5000")
ASKED = Host(scheme="http", authority="10.0.0.1:5000")


def test_relative_and_absolute_locations() -> None:
    base = URL("https://registry.example/v2/a/blobs/uploads/")
    assert str(joined(SECURE, base, "/v2/x?_state=a%2Fb")) == "https://registry.example/v2/x?_state=a%2Fb"
    assert str(joined(SECURE, base, "uuid")) == "https://registry.example/v2/a/blobs/uploads/uuid"
    signed = "https://cdn.example/a%20b?X-Sig=%2B%2F=&e=1"
    assert str(joined(SECURE, base, signed)) == signed


def test_https_is_never_given_up() -> None:
    for target in ("http://cdn.example/x?sig=secret", "http://127.0.0.1/x", "http://registry.example:8080/x"):
        with pytest.raises(FailedPrecondition, match="which has no TLS") as caught:
            joined(SECURE, URL("https://registry.example/"), target)
        assert "secret" not in str(caught.value)


def test_a_registry_that_does_not_know_of_its_own_tls_is_reached_as_before() -> None:
    base = URL("https://registry.example:8443/v2/")
    assert (
        str(joined(SECURE, base, "http://registry.example:8443/v2/u?a=b")) == "https://registry.example:8443/v2/u?a=b"
    )
    assert str(joined(SECURE, base, "http://registry.example/v2/u")) == "https://registry.example:8443/v2/u"


def test_plain_http_stays_on_loopback_unless_it_was_asked_for() -> None:
    assert joined(LOOPBACK, LOOPBACK.root, "http://127.0.0.1:6000/x").port == 6000
    with pytest.raises(FailedPrecondition, match="which has no TLS"):
        joined(LOOPBACK, LOOPBACK.root, "http://cdn.example/x")
    assert joined(ASKED, ASKED.root, "http://10.0.0.2/x").host == "10.0.0.2"


@pytest.mark.parametrize(
    "location", ["ftp://a.example/", "file:///etc/passwd", "https://u:p@a.example/", "http://[::1"]
)
def test_other_urls_are_refused(location: str) -> None:
    with pytest.raises(FailedPrecondition, match="which is no HTTP URL"):
        joined(SECURE, SECURE.root, location)


def test_which_answers_are_followed() -> None:
    def target(method: str, status: int, location: str | None = "/x") -> bool:
        return redirect_target(SECURE, method, SECURE.root, status, location) is not None

    assert all(target(method, status) for method in ("GET", "HEAD") for status in (301, 302, 303, 307, 308))
    assert all(target(method, status) for method in ("POST", "PUT", "PATCH") for status in (307, 308))
    assert not any(target(method, status) for method in ("POST", "PUT", "PATCH") for status in (301, 302, 303))
    assert not any(target("GET", status) for status in (200, 201, 202, 304, 401))
    assert not target("GET", 307, None)
