"""TLS towards one host: certificates of its own authorities, client certificates, and how they become a context."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """What hosts.toml or a certs.d directory says of TLS. A client certificate without a key holds the key too."""

    ca: tuple[Path, ...] = ()
    client: tuple[tuple[Path, Path | None], ...] = ()
    skip_verify: bool = False

    @property
    def is_set(self) -> bool:
        """Whether anything was configured."""
        return bool(self.ca or self.client or self.skip_verify)

    def for_others(self) -> TlsFiles:
        """What holds for a host to which this one sends us: its authorities, but neither our key nor blind trust."""
        return TlsFiles(ca=self.ca)


@lru_cache(maxsize=64)
def context(files: TlsFiles) -> ssl.SSLContext:
    """The context of TLS 1.2 or newer: the system's authorities, the host's own, and our client certificate.

    It trusts what Go's programs trust, on every Python: any certificate of `ca` ends a chain, an intermediate one too,
    and an authority need not have the extensions of RFC 5280 section 4.2, which many private ones lack. Python 3.13
    made both flags its defaults (ssl.create_default_context).

    Raises:
        InvalidArgument: a file cannot be read, or is not what it should be.
    """
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    for path in files.ca:
        try:
            made.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise InvalidArgument(f"{path}: cannot load certificates of authorities: {error}") from error
    for certificate, key in files.client:
        try:
            # A key that asks for a passphrase would stop and read the terminal.
            made.load_cert_chain(certificate, key, password=_no_passphrase)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise InvalidArgument(f"{certificate}: cannot load the client certificate and its key: {error}") from error
    if files.skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase; store it without one")
