"""One request, one answer: connections, TLS, proxies and timeouts. Nothing of retries, redirects, credentials."""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

import orlop

from .names import is_loopback
from .printable import printable
from .tls import context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from yarl import URL

    from .host import Host

_HANDSHAKE_S = 5.0  # on loopback: what has not answered by then waits for something else
_MAX_HEADER = 32 << 10  # signed URLs of storage services are long
# Half of it is what a socket gives in one piece; twice it is what aiohttp holds back of one answer.
_READ_BUFFER = 512 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long silence may last. There is no limit to how long a blob may take as long as bytes arrive."""

    read_s: float = 60.0


class Session:
    """Connections to all hosts of a repository; they open as needed, and close with `close`."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._client: aiohttp.ClientSession | None = None

    async def send(
        self,
        host: Host,
        method: str,
        url: URL,
        *,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None = None,
    ) -> aiohttp.ClientResponse:
        """The answer with its body unread; the caller releases it.

        A URL that is not the host's own is reached without the host's client certificate, and always verified.

        Raises:
            aiohttp.ClientError, TimeoutError, OSError: there is no answer.
        """
        files = host.tls if host.owns(url) else host.tls.for_others()
        try:
            return await self._opened().request(
                method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                ssl=context(files) if url.scheme == "https" else True,
                proxy=host.proxy or _proxy(url),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=host.dial_timeout_s, sock_read=self._patience.read_s
                ),
            )
        except UnicodeError as error:  # of IDNA: a label that is too long, in a redirect for instance
            raise aiohttp.InvalidURL(url, "not the name of a host") from error

    async def tls_failure(self, host: Host) -> str | None:
        """Why a TLS connection to a host cannot be made; None: it can. Nothing is sent over it.

        Raises:
            OSError: nobody listens there.
        """
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        name, port = host.root.host or "", host.root.port
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                _, writer = await asyncio.open_connection(name, port, ssl=made)
        except ssl.SSLError as error:
            return printable(error.reason or str(error))
        except TimeoutError:
            return "no answer in time"
        except ConnectionResetError:
            return "the connection was closed"
        writer.transport.abort()
        return None

    def _opened(self) -> aiohttp.ClientSession:
        if self._client is None:  # not before there is a loop
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # whoever fetches decides how much at once
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a digest is of the bytes as they are
                headers={"User-Agent": f"orlop/{orlop.__version__}", "Accept-Encoding": "identity"},
                read_bufsize=_READ_BUFFER,
                max_line_size=_MAX_HEADER,
                max_field_size=_MAX_HEADER,
            )
        return self._client

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def _proxy(url: URL) -> str | None:
    """$HTTPS_PROXY and $HTTP_PROXY, unless $NO_PROXY or loopback; aiohttp's own way would read ~/.netrc too."""
    host_name = url.host or ""
    if is_loopback(host_name) or urllib.request.proxy_bypass(host_name):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(url.scheme) or proxies.get("all")
