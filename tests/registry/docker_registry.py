"""Debian's docker-registry on a free port of 127.0.0.1: plain or with TLS, open, with htpasswd or with tokens."""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .daemon import daemon, reserved_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .certificates import Certificate

USER, PASSWORD = "alice", "a secret: of hers"


@dataclass(frozen=True)
class DockerRegistry:
    """A registry that runs. `domain` is what stands before the repository in a reference."""

    port: int
    directory: Path
    scheme: str = "http"

    @property
    def domain(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.domain}"

    @property
    def log(self) -> str:
        """What it has logged so far: its requests among it."""
        return (self.directory / "registry.log").read_text(errors="replace")

    def blob_path(self, digest: str) -> Path:
        """Where it keeps a blob."""
        algorithm, _, encoded = digest.partition(":")
        blobs = self.directory / "data/docker/registry/v2/blobs"
        return blobs / algorithm / encoded[:2] / encoded / "data"


def htpasswd(path: Path, user: str = USER, password: str = PASSWORD) -> Path:
    """A file of users with one user."""
    command = ["htpasswd", "-Bbn", user, password]
    done = subprocess.run(command, capture_output=True, check=True, timeout=300)
    path.write_bytes(done.stdout)
    return path


@contextlib.contextmanager
def docker_registry(
    directory: Path,
    *,
    auth: Mapping[str, Any] | None = None,
    certificate: Certificate | None = None,
) -> Iterator[DockerRegistry]:
    """The registry while it runs; its content is below `directory`, and stays there.

    `auth` is its configuration's field of that name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with reserved_port() as port:
        configuration = _configuration(directory, port, auth, certificate)
        path = directory / "config.yml"
        path.write_text(json.dumps(configuration))  # JSON is YAML
        with daemon(["docker-registry", "serve", path], port, directory / "registry.log"):
            yield DockerRegistry(port, directory, "https" if certificate else "http")


def _configuration(
    directory: Path, port: int, auth: Mapping[str, Any] | None, certificate: Certificate | None
) -> dict[str, Any]:
    http: dict[str, Any] = {"addr": f"127.0.0.1:{port}", "secret": "of this test"}
    if certificate is not None:
        http["tls"] = {"certificate": str(certificate.path), "key": str(certificate.key)}
        if certificate.client_ca is not None:
            http["tls"]["clientcas"] = [str(certificate.client_ca)]
    return {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}, "delete": {"enabled": True}},
        "http": http,
        **({"auth": auth} if auth else {}),
    }


@contextlib.contextmanager
def registry_with_password(directory: Path, certificate: Certificate | None = None) -> Iterator[DockerRegistry]:
    """The registry for `USER` with `PASSWORD` alone."""
    directory.mkdir(parents=True, exist_ok=True)
    auth = {"htpasswd": {"realm": "tests", "path": str(htpasswd(directory / "htpasswd"))}}
    with docker_registry(directory, auth=auth, certificate=certificate) as registry:
        yield registry
