"""Which hosts serve a registry: containerd's directories of hosts.toml, docker's certs.d, or the registry itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .host import Host
from .hosts_toml import read_hosts_toml
from .names import check_domain, is_loopback
from .tls import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

# Looked through in this order; the first that has a directory for the registry, or `_default`, decides alone.
HOST_DIRECTORIES = (Path("/etc/orlop/certs.d"), Path("/etc/containerd/certs.d"), Path("/etc/docker/certs.d"))
_DOCKER_HUB = "registry-1.docker.io"


def find_hosts(domain: str, directories: Sequence[Path] = (), *, plain_http: bool | None = None) -> list[Host]:
    """The hosts to ask for a registry, mirrors first.

    `plain_http` says how the registry itself is reached where no file says so: None means plain HTTP for a loopback
    address with a port that is not 443 and without configured TLS, unless it turns out to speak TLS, and HTTPS for
    everything else.

    Raises:
        InvalidArgument: the domain is none, or a file is wrong.
    """
    upstream = _upstream(check_domain(domain), plain_http=plain_http)
    directory = _directory(domain, directories)
    if directory is None:
        wanted = f"{directories[0]}/{domain}/hosts.toml" if directories else ""
        return [dataclasses.replace(upstream, hosts_toml=wanted)]
    try:
        toml = directory / "hosts.toml"
        if toml.is_file() and toml.stat().st_size:
            return [dataclasses.replace(host, hosts_toml=str(toml)) for host in read_hosts_toml(toml, domain, upstream)]
        tls = _certificates(directory)
    except OSError as error:
        raise InvalidArgument(f"{directory}: cannot read the registry's configuration: {error}") from error
    scheme = "https" if tls.is_set and not plain_http else upstream.scheme
    is_open = upstream.may_speak_tls and not tls.is_set
    return [dataclasses.replace(upstream, scheme=scheme, tls=tls, hosts_toml=str(toml), may_speak_tls=is_open)]


def _upstream(domain: str, *, plain_http: bool | None) -> Host:
    if domain in ("docker.io", "index.docker.io"):
        return Host(scheme="https", authority=_DOCKER_HUB)
    is_open = False
    if plain_http is None:
        host_name, port = _split(domain)
        plain_http = is_open = is_loopback(host_name) and port not in ("", "443")
    return Host(scheme="http" if plain_http else "https", authority=domain, may_speak_tls=is_open)


def _split(domain: str) -> tuple[str, str]:
    host_name, colon, port = domain.rpartition(":")
    if not colon or domain.endswith("]"):
        host_name, port = domain, ""
    return host_name.strip("[]"), port


def _directory(domain: str, directories: Sequence[Path]) -> Path | None:
    """containerd's names: `host_port_`, `host:port`, `_default`."""
    host_name, colon, port = domain.rpartition(":")
    names = [f"{host_name}_{port}_", domain] if colon and host_name else [domain]
    for root in directories:
        for name in (*names, "_default"):
            if (root / name).is_dir():
                return root / name
    return None


def _certificates(directory: Path) -> TlsFiles:
    """docker's certs.d: `*.crt` are authorities; `*.cert` and `*.key` are client certificates."""
    files = sorted(path for path in directory.iterdir() if path.is_file())
    clients = []
    for path in files:
        if path.suffix == ".cert":
            key = path.with_suffix(".key")
            clients.append((path, key if key.exists() else None))
    return TlsFiles(ca=tuple(path for path in files if path.suffix == ".crt"), client=tuple(clients))
