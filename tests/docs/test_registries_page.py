"""docs/registries.md: its hosts.toml is read as it stands, and its table has every field."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from orlop.registry.host import Capability, Host
from orlop.registry.hosts import HOST_DIRECTORIES
from orlop.registry.hosts_toml import _ROOT_KEYS, read_hosts_toml

PAGE = (Path(__file__).resolve().parents[2] / "docs/registries.md").read_text()


def test_the_example_is_read_as_it_says(tmp_path: Path) -> None:
    start = PAGE.index("    # /etc/containerd/certs.d/docker.io/hosts.toml")
    example = PAGE[start : PAGE.index("\n| Field", start)]
    path = tmp_path / "hosts.toml"
    path.write_text(textwrap.dedent(example))
    mirror, public, server = read_hosts_toml(path, "docker.io", Host(scheme="https", authority="registry-1.docker.io"))
    assert (str(mirror), mirror.dial_timeout_s) == ("https://mirror.internal:5000", 2.0)
    assert mirror.tls.ca == (tmp_path / "mirror.crt",)
    assert str(public.root) == "https://public-mirror.example/cache/v2"
    assert public.capabilities == {Capability.PULL}
    assert public.headers == (("x-team", "build"),)
    assert (str(server), server.namespace) == ("https://registry-1.docker.io", "")


def test_the_table_has_every_field() -> None:
    fields = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert fields == set(_ROOT_KEYS) - {"host"}


def test_the_roots_are_those_of_the_code() -> None:
    assert ", ".join(f"`{root}`" for root in HOST_DIRECTORIES) in PAGE
