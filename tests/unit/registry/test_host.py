"""One host: its URLs, and which URLs are its own."""

from __future__ import annotations

from yarl import URL

from orlop.registry.host import Host, origin


def test_a_mirror_is_told_whose_content_is_wanted_when_it_is_read() -> None:
    mirror = Host(scheme="https", authority="mirror.example", path="/v2/cache", namespace="docker.io")
    read = mirror.url("library/a", "manifests/v1", [("n", "1")], reads=True)
    assert str(read) == "https://mirror.example/v2/cache/library/a/manifests/v1?n=1&ns=docker.io"
    assert str(mirror.url("library/a", "manifests/v1")) == "https://mirror.example/v2/cache/library/a/manifests/v1"
    upstream = Host(scheme="https", authority="docker.example")
    assert "ns" not in upstream.url("a", "tags/list", reads=True).query


def test_a_host_owns_its_origin_alone() -> None:
    host = Host(scheme="https", authority="registry.example")
    assert host.owns(URL("https://registry.example/elsewhere"))
    assert host.owns(URL("https://REGISTRY.example:443/"))
    for other in ("http://registry.example/", "https://registry.example:8443/", "https://registry.example.org/"):
        assert not host.owns(URL(other))
    assert origin(URL("https://a.example./")) == ("https", "a.example", 443)


def test_plain_http_beyond_loopback_has_been_asked_for() -> None:
    assert Host(scheme="http", authority="10.0.0.1:5000").allows_plain_http
    assert not Host(scheme="http", authority="127.0.0.1:5000").allows_plain_http
    assert not Host(scheme="http", authority="[::1]:5000").allows_plain_http
    assert not Host(scheme="https", authority="10.0.0.1").allows_plain_http


def test_a_host_that_turned_out_to_speak_tls_is_the_same_one_by_https() -> None:
    host = Host(scheme="http", authority="localhost:5000", may_speak_tls=True, hosts_toml="f").with_tls()
    assert (str(host), host.tls.skip_verify, host.may_speak_tls, host.hosts_toml) == (
        "https://localhost:5000",
        True,
        False,
        "f",
    )
