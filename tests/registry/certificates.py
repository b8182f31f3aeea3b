"""Certificates made by openssl: an authority of the test's own, servers and clients that it vouches for."""

from __future__ import annotations

import dataclasses
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_EXTENSIONS = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n"


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key; `client_ca` is whose client certificates a server with it wants to see."""

    path: Path
    key: Path
    client_ca: Path | None = None

    def asking(self, authority: Authority) -> Certificate:
        """The same for a server that lets in only clients of this authority."""
        return dataclasses.replace(self, client_ca=authority.path)


@dataclass(frozen=True)
class Authority:
    """An authority that signs what it is asked to."""

    directory: Path

    @property
    def path(self) -> Path:
        """Its certificate."""
        return self.directory / "authority.crt"

    def issue(self, name: str) -> Certificate:
        """A certificate for 127.0.0.1 and localhost."""
        key, request, path = (self.directory / f"{name}.{suffix}" for suffix in ("key", "csr", "crt"))
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(_EXTENSIONS)
        _openssl("req", "-newkey", "ec", *_CURVE, "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        self._sign(request, path, extensions)
        return Certificate(path, key)

    def intermediate(self, directory: Path) -> Authority:
        """Another authority, one that this one vouches for."""
        directory.mkdir(parents=True, exist_ok=True)
        other = Authority(directory)
        request, extensions = directory / "authority.csr", directory / "authority.ext"
        extensions.write_text("basicConstraints=critical,CA:TRUE\n")
        out = ("-keyout", directory / "authority.key", "-out", request)
        _openssl("req", "-newkey", "ec", *_CURVE, "-nodes", *out, "-subj", "/CN=intermediate authority of a test")
        self._sign(request, other.path, extensions)
        return other

    def _sign(self, request: Path, path: Path, extensions: Path) -> None:
        signer = ("-CA", self.path, "-CAkey", self.directory / "authority.key", "-CAcreateserial")
        _openssl("x509", "-req", "-in", request, *signer, "-days", "2", "-extfile", extensions, "-out", path)


_CURVE = ("-pkeyopt", "ec_paramgen_curve:prime256v1")


def make_authority(directory: Path) -> Authority:
    """A new authority, without the extension that says what its key is for: many private ones have none."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = Authority(directory)
    out = ("-keyout", directory / "authority.key", "-out", authority.path)
    _openssl("req", "-x509", "-newkey", "ec", *_CURVE, "-nodes", *out, "-days", "2", "-subj", "/CN=authority of a test")
    return authority


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=300)
