"""hosts.toml: containerd's own examples, and what is wrong named by file and field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument
from orlop.registry.host import ALL_CAPABILITIES, Capability, Host
from orlop.registry.hosts_toml import read_hosts_toml

if TYPE_CHECKING:
    from pathlib import Path

UPSTREAM = Host(scheme="https", authority="registry.example")
PULL, RESOLVE = Capability.PULL, Capability.RESOLVE


def read(tmp_path: Path, text: str, domain: str = "registry.example", upstream: Host = UPSTREAM) -> list[Host]:
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    return read_hosts_toml(path, domain, upstream)


def test_mirrors_stand_in_the_order_of_the_file_and_the_server_is_last(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        server = "https://registry.example"
        [host."https://z.example"]
        capabilities = ["pull"]
        [host."https://a.example".header]
        x-one = "1"
        [host."http://m.example:8080"]
        """,
    )
    assert [str(host) for host in found] == [
        "https://z.example",
        "https://a.example",
        "http://m.example:8080",
        "https://registry.example",
    ]
    assert [host.capabilities for host in found] == [{PULL}, *[ALL_CAPABILITIES] * 3]
    assert [host.namespace for host in found] == [*["registry.example"] * 3, ""]


def test_without_a_server_the_registry_itself_is_last(tmp_path: Path) -> None:
    found = read(tmp_path, '[host."https://m.example"]\n')
    assert [host.authority for host in found] == ["m.example", "registry.example"]


def test_a_server_in_the_registrys_place_is_a_mirror(tmp_path: Path) -> None:
    (only,) = read(tmp_path, 'server = "cache.example/root"')
    assert (str(only), only.path, only.namespace) == ("https://cache.example", "/root/v2", "registry.example")


def test_docker_hub_is_no_mirror_of_itself(tmp_path: Path) -> None:
    hub = Host(scheme="https", authority="registry-1.docker.io")
    found = read(tmp_path, 'server = "https://docker.io"\n[host."https://registry-1.docker.io"]\n', "docker.io", hub)
    assert [host.namespace for host in found] == ["", ""]


@pytest.mark.parametrize(
    ("address", "options", "path"),
    [
        ("https://m.example", "", "/v2"),
        ("https://m.example/", "", "/v2"),
        ("https://m.example/us", "", "/us/v2"),
        ("https://m.example/us/v2/", "", "/us/v2"),
        ("https://m.example/v2/upstream", "override_path = true", "/v2/upstream"),
        ("https://m.example", "override_path = true", ""),
    ],
)
def test_paths(tmp_path: Path, address: str, options: str, path: str) -> None:
    assert read(tmp_path, f'[host."{address}"]\n{options}\n')[0].path == path


def test_certificates_are_relative_to_the_file(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        ca = "root.pem"
        [host."https://a.example"]
        ca = ["one.pem", "/etc/two.pem"]
        client = [["c.cert", "c.key"], ["both.pem", ""], "alone.pem"]
        skip_verify = true
        [host."https://b.example"]
        client = "both.pem"
        """,
    )
    first, second, upstream = (host.tls for host in found)
    assert [str(path) for path in first.ca] == [f"{tmp_path}/one.pem", "/etc/two.pem"]
    assert first.client[0] == (tmp_path / "c.cert", tmp_path / "c.key")
    assert first.client[1:] == ((tmp_path / "both.pem", None), (tmp_path / "alone.pem", None))
    assert first.skip_verify
    assert second.client == ((tmp_path / "both.pem", None),)
    assert upstream.ca == (tmp_path / "root.pem",)


def test_headers_timeout_and_proxy(tmp_path: Path) -> None:
    host = read(
        tmp_path,
        """
        [host."https://a.example"]
        dial_timeout = "1s500ms"
        proxy = "http://proxy.example:8080"
        [host."https://a.example".header]
        X-One = "1"
        X-Two = ["2", "3"]
        """,
    )[0]
    assert host.dial_timeout_s == 1.5
    assert host.proxy == "http://proxy.example:8080"
    assert host.headers == (("X-One", "1"), ("X-Two", "2"), ("X-Two", "3"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server = ", "Invalid value"),
        ('sever = "x"', r'sever: is not a field of hosts.toml; did you mean "server"\?'),
        (
            '[host."https://a.example"]\ncapabilities = ["pul"]',
            r'host."https://a.example".capabilities: "pul" is not one',
        ),
        ('[host."https://a.example".host."https://b.example"]', r'host."https://a.example".host: is not a field'),
        ('[host."ftp://a.example"]', "must be a URL with http or https"),
        ('[host."https://user:pass@a.example"]', "must be a URL with http or https"),
        ('[host."https://"]', "must be a URL with http or https"),
        ("host = 1", "host: must be tables"),
        ("host.x = 1", 'host."x": must be a table'),
        ("server = 1", "server: must be a text"),
        ("ca = 1", "ca: must be a path"),
        ("client = 1", "client: must be a path"),
        ('client = [["a", "b", "c"]]', "client: must be a path"),
        ('skip_verify = "yes"', "skip_verify: must be true or false"),
        ('dial_timeout = "soon"', "dial_timeout: 'soon' is not a duration"),
        ("dial_timeout = 5", "dial_timeout: 5 is not a duration"),
        ('proxy = "socks5://p.example"', "proxy: must be an http:// URL"),
        ("capabilities = 1", "capabilities: must be a list"),
        ('[header]\n"a b" = "c"', "header.a b: is not the name of a header"),
        ('[header]\na = "b\\nAuthorization: c"', "header.a: must be a line of text"),
        ("[header]\na = 1", "header.a: must be a line of text"),
    ],
)
def test_what_is_wrong_is_named_and_stops(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/hosts.toml: ")
    assert "\n" not in str(caught.value)


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="larger than 1 MiB"):
        read(tmp_path, "#" * ((1 << 20) + 1))
