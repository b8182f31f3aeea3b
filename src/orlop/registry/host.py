"""One host that may be asked for a repository: where it is, what it may do, and what is sent to it alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from yarl import URL

from .names import is_loopback
from .tls import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Iterable

DIAL_TIMEOUT_S = 30.0  # containerd's, docs/hosts.md

Origin = tuple[str, str, int]


class Capability(Enum):
    """What a host may be asked for (containerd, docs/hosts.md). RESOLVE is trust: to say what a tag means."""

    PULL = "pull"
    RESOLVE = "resolve"
    PUSH = "push"
    REFERRERS = "referrers"


ALL_CAPABILITIES = frozenset(Capability)


def origin(url: URL) -> Origin:
    """Scheme, host and port: credentials given to one origin never go to another (CVE-2020-15157)."""
    return url.scheme, (url.host or "").rstrip("."), url.port or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host of one registry: a mirror, or the registry itself."""

    scheme: str
    authority: str
    path: str = "/v2"
    capabilities: frozenset[Capability] = ALL_CAPABILITIES
    tls: TlsFiles = field(default_factory=TlsFiles)
    headers: tuple[tuple[str, str], ...] = ()
    dial_timeout_s: float = DIAL_TIMEOUT_S
    proxy: str = ""
    namespace: str = ""  # of a mirror: the registry's domain, which goes into `ns=`
    may_speak_tls: bool = False  # a loopback port that nothing is known of: HTTP, unless it turns out to be TLS
    hosts_toml: str = ""  # the file that says all this, or would

    @property
    def root(self) -> URL:
        """The URL below which the API is."""
        return URL(f"{self.scheme}://{self.authority}{self.path}")

    @property
    def origin(self) -> Origin:
        """What a URL must begin with to get this host's credentials and headers."""
        return origin(self.root)

    @property
    def allows_plain_http(self) -> bool:
        """Whether plain HTTP to other hosts than loopback is as good as to this one: somebody asked for it."""
        return self.scheme == "http" and not is_loopback(self.root.host or "")

    def with_tls(self) -> Host:
        """This host, as it is reached where it turned out to speak TLS.

        Its certificate is not verified, as docker and containerd do on loopback: without TLS nothing was either.
        """
        return replace(self, scheme="https", tls=TlsFiles(skip_verify=True), may_speak_tls=False)

    def owns(self, url: URL) -> bool:
        """Whether a URL is this host's, so that its credentials may go there."""
        return origin(url) == self.origin

    def url(self, repository: str, rest: str, query: Iterable[tuple[str, str]] = (), *, reads: bool = False) -> URL:
        """`/v2/REPOSITORY/REST`; what reads from a mirror says whose content it wants (spec.md, Registry Proxying)."""
        parts = list(query)
        if reads and self.namespace:
            parts.append(("ns", self.namespace))
        url = URL(f"{self.scheme}://{self.authority}{self.path}/{repository}/{rest}")
        return url.with_query(parts) if parts else url

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"
