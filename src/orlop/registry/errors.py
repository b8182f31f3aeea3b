"""What went wrong with a registry, as errors of ours: its own words, bounded and printable, and never a secret."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import socket
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp

from orlop.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    NotImplementedFeature,
    OrlopError,
    PermissionDenied,
    Unavailable,
)

from .printable import printable, printable_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

MAX_ERROR_BYTES = 64 << 10  # of a body that says what is wrong
_MAX_ENTRIES = 5
_UNREACHABLE = "check the network, proxies and firewalls between this machine and the host"
_TLS_REASON = re.compile(r"\[SSL: (\w+)\]")  # OpenSSL's name of what went wrong

CONNECTION_ERRORS = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


class WrongAnswer(InvalidArgument):
    """An answer of no use, though no file or flag of the user's is wrong: another host may give a better one."""


_KINDS: dict[int, type[OrlopError]] = {
    400: WrongAnswer,
    401: PermissionDenied,
    403: PermissionDenied,
    404: NotFound,
    405: NotImplementedFeature,
    408: Unavailable,
    413: WrongAnswer,
    414: WrongAnswer,
    429: Unavailable,
    501: NotImplementedFeature,
}
_HINTS = {
    401: "log in, or give credentials for this host",
    429: "try again later, or log in for a higher limit",
}


def refusal(status: int, body: bytes, *, place: str) -> OrlopError:
    """The error for an answer that is not a success; `place` says what was asked of whom."""
    codes, said = _registry_errors(body)
    kind = _KINDS.get(status, Unavailable if status >= 500 else FailedPrecondition)
    if "UNSUPPORTED" in codes:
        kind = NotImplementedFeature
    reason = f"{status} {_phrase(status)}".rstrip()
    return kind(f"{place}: {reason}: {said}" if said else f"{place}: {reason}", hint=_HINTS.get(status, ""))


def is_unsupported(body: bytes) -> bool:
    """Whether the registry says that it does not have the operation at all (spec.md, code-13)."""
    return "UNSUPPORTED" in _registry_errors(body)[0]


def connection_failure(error: BaseException, url: URL, hosts_toml: str = "") -> Unavailable:
    """The error for a host that gives no answer, or stops in the middle of one. `hosts_toml` is what configures it."""
    place = f"cannot reach {printable_url(url)}"
    tls = _tls_failure(error, place, hosts_toml or "hosts.toml")
    if tls is not None:
        return tls
    if isinstance(error, aiohttp.ClientResponseError):
        why = printable(" ".join(error.message.split()), limit=200)
        hint = "if the host speaks TLS, do not ask for plain HTTP" if url.scheme == "http" else ""
        return Unavailable(f"{place}: the answer is not HTTP as it should be: {why}", hint=hint)
    if isinstance(error, asyncio.TimeoutError):
        return Unavailable(f"{place}: no answer in time", hint=_UNREACHABLE)
    if isinstance(error, aiohttp.ClientConnectorError):
        return _no_connection(error.os_error, place)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return Unavailable(f"{place}: the connection was closed before an answer")
    return Unavailable(f"{place}: {type(error).__name__}: {printable(str(error))}".rstrip(": "))


def _no_connection(error: OSError, place: str) -> Unavailable:
    """The same where there is not even a connection."""
    if isinstance(error, socket.gaierror):
        why = error.strerror or str(error)
        return Unavailable(f"{place}: {printable(why)}", hint="check the registry's name, and the DNS of this machine")
    number = error.errno  # asyncio puts the address where the text should be
    if not number:
        return Unavailable(f"{place}: {printable(str(error))}", hint=_UNREACHABLE)
    hint = _UNREACHABLE
    if number == errno.ECONNREFUSED:
        hint = "nothing listens there: check host and port, and whether the registry runs"
    return Unavailable(f"{place}: {printable(os.strerror(number))}", hint=hint)


def _tls_failure(error: BaseException, place: str, file: str) -> Unavailable | None:
    """The same where TLS is at fault, with what there is to write into hosts.toml."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = printable(str(error.certificate_error))
        return Unavailable(f"{place}: {why}", hint=f"name the authority that signed its certificate as `ca` in {file}")
    named = _TLS_REASON.search(str(error))  # also what comes after the handshake, as an error of the operating system
    if named is None and not isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return None
    reason = printable(named[1] if named else str(error))
    hint = f"if the host speaks plain HTTP, configure it with an http:// URL in {file}"
    if "ALERT" in reason:  # it speaks TLS, and refuses us
        hint = f"it may want a certificate of ours: name it as `client` in {file}"
    return Unavailable(f"{place}: TLS: {reason}", hint=hint)


def is_transient(error: BaseException) -> bool:
    """Whether another try may succeed: not where TLS, the URL or an answer's form is at fault."""
    permanent = (aiohttp.ClientSSLError, ssl.SSLError, aiohttp.InvalidURL, aiohttp.ClientHttpProxyError)
    return isinstance(error, CONNECTION_ERRORS) and not isinstance(error, permanent)


def together(errors: Sequence[OrlopError]) -> OrlopError:
    """One error of those of all hosts: of the last one's kind, which is the registry itself, and all in its message."""
    last = errors[-1]
    if len(errors) == 1:
        return last
    others = " | ".join(error.message for error in errors[:-1])
    return type(last)(f"{last.message} (before that: {others})", hint=last.hint)


def _registry_errors(body: bytes) -> tuple[set[str], str]:
    """Codes, and what a body says: its `errors` (spec.md, Error Codes), or the first of its text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        entries = json.loads(text)["errors"]
    except (ValueError, LookupError, TypeError, RecursionError):
        entries = None
    if not isinstance(entries, list):
        is_page = text[:1] == "<"  # a proxy's HTML says nothing that its status does not
        return set(), "" if is_page else printable(" ".join(text.split()), limit=200)
    found = [_entry(entry) for entry in entries[:_MAX_ENTRIES] if isinstance(entry, dict)]
    return {code for code, _ in found}, "; ".join(said for _, said in found if said)


def _entry(entry: dict[str, Any]) -> tuple[str, str]:
    code, message = (value if isinstance(value, str) else "" for value in (entry.get("code"), entry.get("message")))
    said = ": ".join(printable(part, limit=200) for part in (code, message) if part)
    return code, said


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
