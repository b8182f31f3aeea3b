"""Where a redirect leads, and where it must not: never from HTTPS to HTTP, never to another scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarl import URL

from orlop.errors import FailedPrecondition

from .names import is_loopback
from .printable import printable, printable_url

if TYPE_CHECKING:
    from .host import Host

MAX_REDIRECTS = 5
_FOLLOWED = frozenset({301, 302, 303, 307, 308})
_FOLLOWED_WITH_BODY = frozenset({307, 308})  # the others would turn the request into a GET


def redirect_target(host: Host, method: str, url: URL, status: int, location: str | None) -> URL | None:
    """The URL to go on with; None where the answer is not a redirect that is followed.

    Raises:
        FailedPrecondition: it leads where we do not go.
    """
    if status not in (_FOLLOWED if method in ("GET", "HEAD") else _FOLLOWED_WITH_BODY) or not location:
        return None
    return joined(host, url, location)


def joined(host: Host, url: URL, location: str) -> URL:
    """The URL that a Location header of an answer from `url` means, kept byte by byte: it may be signed.

    A registry behind a proxy that ends TLS often believes that it speaks plain HTTP; its own host is reached as before.

    Raises:
        FailedPrecondition: it is no URL, has another scheme, or would give up TLS.
    """
    try:
        target = url.join(URL(location, encoded=True))
        is_http = target.scheme in ("http", "https") and bool(target.host)
    except ValueError:
        target, is_http = url, False
    if not is_http or target.raw_user is not None:
        raise FailedPrecondition(
            f'{host}: refers us to "{printable(location.partition("?")[0])}", which is no HTTP URL'
        )
    if target.scheme == "http" and url.scheme == "https":
        if target.host == url.host and target.explicit_port in (None, 80, url.explicit_port):
            port = url.port
            return URL.build(
                scheme="https",
                host=target.raw_host or "",
                port=port,
                path=target.raw_path,
                query_string=target.raw_query_string,
                encoded=True,
            )
        raise _refused(host, target)
    if target.scheme == "http" and not (is_loopback(target.host or "") or host.allows_plain_http):
        raise _refused(host, target)
    return target


def _refused(host: Host, target: URL) -> FailedPrecondition:
    return FailedPrecondition(f"{host}: refers us to {printable_url(target)}, which has no TLS")
