"""Which hosts serve a registry, with and without files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument
from orlop.registry.hosts import find_hosts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("domain", "plain_http", "url"),
    [
        ("docker.io", None, "https://registry-1.docker.io"),
        ("index.docker.io", None, "https://registry-1.docker.io"),
        ("docker.io", True, "https://registry-1.docker.io"),
        ("quay.example", None, "https://quay.example"),
        ("quay.example", True, "http://quay.example"),
        ("10.0.0.1:5000", None, "https://10.0.0.1:5000"),
        ("localhost:5000", None, "http://localhost:5000"),
        ("127.1.2.3:5000", None, "http://127.1.2.3:5000"),
        ("[::1]:5000", None, "http://[::1]:5000"),
        ("[::1]", None, "https://[::1]"),
        ("localhost", None, "https://localhost"),
        ("localhost:443", None, "https://localhost:443"),
        ("localhost:5000", False, "https://localhost:5000"),
    ],
)
def test_a_registry_without_files(domain: str, plain_http: bool | None, url: str) -> None:
    (host,) = find_hosts(domain, plain_http=plain_http)
    assert (str(host), host.path, host.namespace) == (url, "/v2", "")


@pytest.mark.parametrize(
    ("domain", "plain_http", "may_speak_tls"),
    [
        ("localhost:5000", None, True),
        ("[::1]:5000", None, True),
        ("localhost:5000", True, False),
        ("localhost:5000", False, False),
        ("localhost", None, False),
        ("r.example:5000", None, False),
        ("r.example:5000", True, False),
    ],
)
def test_only_a_loopback_port_that_nobody_said_anything_of_may_speak_either(
    tmp_path: Path, domain: str, plain_http: bool | None, may_speak_tls: bool
) -> None:
    (host,) = find_hosts(domain, [tmp_path / "one", tmp_path / "two"], plain_http=plain_http)
    assert host.may_speak_tls == may_speak_tls
    assert host.hosts_toml == f"{tmp_path}/one/{domain}/hosts.toml", "where it would be"
    (tmp_path / "two" / domain).mkdir(parents=True)
    (host,) = find_hosts(domain, [tmp_path / "one", tmp_path / "two"], plain_http=plain_http)
    assert host.may_speak_tls == may_speak_tls, "the directory says nothing"
    (tmp_path / "two" / domain / "ca.crt").write_text("")
    (host,) = find_hosts(domain, [tmp_path / "one", tmp_path / "two"], plain_http=plain_http)
    assert not host.may_speak_tls
    (tmp_path / "two" / domain / "hosts.toml").write_text(f'server = "http://{domain}"')
    (host,) = find_hosts(domain, [tmp_path / "one", tmp_path / "two"], plain_http=plain_http)
    assert (host.may_speak_tls, host.hosts_toml) == (False, f"{tmp_path}/two/{domain}/hosts.toml")


def put(root: Path, name: str, server: str) -> None:
    (root / name).mkdir(parents=True)
    (root / name / "hosts.toml").write_text(f'server = "https://{server}"')


def test_directories_are_found_by_containerds_names_in_its_order(tmp_path: Path) -> None:
    def server() -> str:
        return find_hosts("r.example:5000", [tmp_path])[0].authority

    assert server() == "r.example:5000"
    put(tmp_path, "_default", "fallback.example")
    assert server() == "fallback.example"
    put(tmp_path, "r.example:5000", "colon.example")
    assert server() == "colon.example"
    put(tmp_path, "r.example_5000_", "underscores.example")
    assert server() == "underscores.example"
    assert find_hosts("other.example", [tmp_path])[0].authority == "fallback.example"


def test_the_first_root_that_knows_the_registry_decides(tmp_path: Path) -> None:
    put(tmp_path / "one", "_default", "one.example")
    put(tmp_path / "two", "r.example", "two.example")
    roots = [tmp_path / "none", tmp_path / "one", tmp_path / "two"]
    assert find_hosts("r.example", roots)[0].authority == "one.example"


def test_dockers_certificates(tmp_path: Path) -> None:
    directory = tmp_path / "localhost:5000"
    directory.mkdir()
    for name in ("ca.crt", "more.crt", "client.cert", "client.key", "both.cert", "README"):
        (directory / name).write_text("")
    (host,) = find_hosts("localhost:5000", [tmp_path])
    assert host.scheme == "https"  # somebody configured TLS
    assert [path.name for path in host.tls.ca] == ["ca.crt", "more.crt"]
    assert host.tls.client == ((directory / "both.cert", None), (directory / "client.cert", directory / "client.key"))


def test_an_empty_directory_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "localhost:5000").mkdir()
    (host,) = find_hosts("localhost:5000", [tmp_path])
    assert str(host) == "http://localhost:5000"


def test_a_wrong_file_is_an_error_not_a_way_past_the_mirrors(tmp_path: Path) -> None:
    (tmp_path / "r.example").mkdir()
    (tmp_path / "r.example/hosts.toml").write_text("server = [")
    with pytest.raises(InvalidArgument, match=r"r\.example/hosts\.toml: "):
        find_hosts("r.example", [tmp_path])


def test_a_domain_never_leaves_the_directories(tmp_path: Path) -> None:
    put(tmp_path, "outside", "evil.example")
    for domain in ("../outside", "..", "."):
        with pytest.raises(InvalidArgument, match="is not the name of a host"):
            find_hosts(domain, [tmp_path / "root"])
